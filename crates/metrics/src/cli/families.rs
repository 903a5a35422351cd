//! `metrics families`.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use metrics::Base;
use metrics::families::{Distribution, FAMILIES, FamilyError, KlDivergence};

use super::output::{Format, json, number};

/// Print the closed-form KL of two named distributions, in both directions.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// P, as in 'normal(0, 2)' (mean and standard deviation) or 'gamma(shape=2, rate=0.5)'.
    #[arg(required_unless_present = "list", allow_hyphen_values = true)]
    p: Option<String>,
    /// Q, the reference of KL(P ‖ Q).
    #[arg(required_unless_present = "list", allow_hyphen_values = true)]
    q: Option<String>,
    /// Integrate or sum a KL that has no closed form, and print a bound on the error.
    #[arg(long)]
    numeric: bool,
    /// Units: nats, bits, or a number as the base of the logarithm; several separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "nats,bits")]
    base: Vec<Base>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print the families with their parameters instead.
    #[arg(long, conflicts_with_all = ["p", "q"])]
    list: bool,
}

/// A divergence in nats, with the bound on its error where it was integrated.
struct Kl {
    value: f64,
    error: Option<f64>,
}

pub fn run(arguments: &Arguments) -> Result<String> {
    if arguments.list {
        return Ok(FAMILIES
            .iter()
            .map(|(name, parameters)| format!("{name}({})\n", parameters.join(", ")))
            .collect());
    }
    let units = &arguments.base;
    let read = |text: &Option<String>, name: &str| -> Result<Distribution> {
        let text = text.as_deref().unwrap_or_default();
        text.parse().with_context(|| format!("cannot read {name}"))
    };
    let (p, q) = (read(&arguments.p, "P")?, read(&arguments.q, "Q")?);
    let kl = |p: &Distribution, q: &Distribution| {
        let closed = p.kl_divergence(q).map(|value| Kl { value, error: None });
        match closed {
            Err(FamilyError::NoClosedForm { .. }) if arguments.numeric => {
                let found = p.kl_divergence_numerically(q)?;
                Ok(Kl { value: found.value, error: Some(found.error) })
            }
            closed => closed,
        }
    };
    let directions = [("KL(P ‖ Q)", kl(&p, &q)), ("KL(Q ‖ P)", kl(&q, &p))];
    if let [(_, Err(error)), (_, Err(_))] = &directions {
        return Err(error.clone().into());
    }
    Ok(match arguments.format {
        Format::Table => {
            let mut out = format!("P = {p}\nQ = {q}\n\n");
            for (name, kl) in &directions {
                let _ = match kl {
                    Ok(kl) => {
                        let values =
                            units.iter().map(|u| format!("{:>12} {u}", number(u.from_nats(kl.value))));
                        let bound = kl.error.map_or(String::new(), |error| {
                            format!("  (integrated; error below {error:.0e} nats)")
                        });
                        writeln!(out, "{name}  {}{bound}", values.collect::<Vec<_>>().join("  "))
                    }
                    Err(error) => writeln!(out, "{name}  {error}"),
                };
            }
            out
        }
        Format::Json => {
            let kl: serde_json::Map<_, _> = directions
                .iter()
                .map(|(name, kl)| {
                    let of = |kl: f64| {
                        let values = units.iter().map(|u| (u.to_string(), json(u.from_nats(kl))));
                        serde_json::Value::Object(values.collect())
                    };
                    ((*name).to_owned(), kl.as_ref().map_or(serde_json::Value::Null, |kl| of(kl.value)))
                })
                .collect();
            let mut object = serde_json::json!({ "p": p.to_string(), "q": q.to_string(), "kl": kl });
            let errors: serde_json::Map<_, _> = directions
                .iter()
                .filter_map(|(name, kl)| Some(((*name).to_owned(), json(kl.as_ref().ok()?.error?))))
                .collect();
            if !errors.is_empty() {
                object["error_nats"] = errors.into();
            }
            serde_json::to_string_pretty(&object)? + "\n"
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["name", "unit", "value"])?;
            for (name, kl) in &directions {
                for unit in units {
                    let value =
                        kl.as_ref().map_or(String::new(), |kl| format!("{:?}", unit.from_nats(kl.value)));
                    writer.write_record([name, unit.to_string().as_str(), &value])?;
                }
            }
            String::from_utf8(writer.into_inner()?)?
        }
    })
}
