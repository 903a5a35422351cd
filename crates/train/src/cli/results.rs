//! The results of a sweep as a table in the terminal.

use data::Dataset;
use record::{MemberResult, Quantity, RunConfig, Spread, by_coefficient};

pub(super) fn print_results(config: &RunConfig, results: &[MemberResult], dataset: &Dataset) {
    match dataset.validation {
        Some(_) => println!("\nOn the validation part, in nats per example:\n"),
        None => println!("\nOn the test images, in nats per image:\n"),
    }
    println!(
        "{:>10} {:>6} {:>6} {:>14} {:>10} {:>10} {:>10} {:>9}",
        "c", "seed", "epochs", "reconstruction", "KL", "objective", "ELBO loss", "seconds"
    );
    for r in results {
        println!(
            "{:>10} {:>6} {:>6} {:>14.2} {:>10.2} {:>10.2} {:>10.2} {:>9.1}",
            r.c,
            r.seed,
            r.epochs,
            r.test.reconstruction,
            r.test.kl,
            r.objective,
            r.elbo_loss,
            r.seconds.unwrap_or(f64::NAN)
        );
    }
    if config.seeds.len() > 1 {
        const SHOWN: [&Quantity; 4] = [
            Quantity::named("reconstruction"),
            Quantity::named("kl"),
            Quantity::named("objective"),
            Quantity::named("elbo_loss"),
        ];
        println!("\nMean and standard deviation over the seeds:\n");
        let headings = SHOWN.map(|quantity| format!(" {:>18}", quantity.label)).concat();
        println!("{:>10} {:>6}{headings}", "c", "seeds");
        for group in by_coefficient(results.iter().map(|result| (result.c, result))) {
            let text = |quantity: &Quantity| {
                let shown =
                    group.spread(quantity.value).map(|Spread { mean, std }| format!("{mean:.2} ± {std:.2}"));
                format!(" {:>18}", shown.unwrap_or_default())
            };
            println!("{:>10} {:>6}{}", group.c, group.values.len(), SHOWN.map(text).concat());
        }
    }
}
