use kernels::*;
use std::time::Instant;
#[global_allocator]
static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn rng(n: usize, zeros: f64, s: u64) -> Vec<f32> {
    let mut x = s;
    (0..n)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let u = (x >> 11) as f64 / (1u64 << 53) as f64;
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let w = (x >> 11) as f64 / (1u64 << 53) as f64;
            if w < zeros { 0.0 } else { (2.0 * u - 1.0) as f32 }
        })
        .collect()
}
fn time(name: &str, flops: f64, mut f: impl FnMut()) {
    for _ in 0..20 {
        f();
    }
    let mut best = f64::MAX;
    let mut all = vec![];
    for _ in 0..15 {
        let t = Instant::now();
        for _ in 0..20 {
            f();
        }
        let s = t.elapsed().as_secs_f64() / 20.0;
        all.push(s);
        best = best.min(s);
    }
    all.sort_by(f64::total_cmp);
    println!(
        "  {name:28} {:7.1} us median {:7.1} best  {:6.1} GF/s",
        all[7] * 1e6,
        best * 1e6,
        flops / best / 1e9
    );
}
fn main() {
    let (b, p, h) = (std::env::var("B").map_or(128, |b| b.parse().unwrap()), 784usize, 256usize);
    let x = rng(b * p, 0.0, 1);
    let w = rng(p * h, 0., 2);
    let hid = rng(b * h, 0., 3);
    let wl = rng(h * p, 0., 4);
    let dl = rng(b * p, 0., 5);
    let dh = rng(b * h, 0., 6);
    let fl = 2.0 * (b * p * h) as f64;
    println!("{}", KernelSet::active());
    let run = |name: &str, lhs: Matrix, rhs: Matrix| {
        let mut out = vec![0f32; lhs.rows() * rhs.columns()];
        time(name, fl, || multiply(lhs, rhs, &mut out));
        if std::env::var("G").is_ok() {
            let (l, r) = (lhs.parts(), rhs.parts());
            time("   gemm", fl, || unsafe {
                gemm::gemm(
                    lhs.rows(),
                    rhs.columns(),
                    lhs.columns(),
                    out.as_mut_ptr(),
                    1,
                    rhs.columns() as isize,
                    false,
                    l.0.as_ptr(),
                    l.2 as isize,
                    l.1 as isize,
                    r.0.as_ptr(),
                    r.2 as isize,
                    r.1 as isize,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    gemm::Parallelism::None,
                )
            });
        }
    };
    run("x W1", Matrix::new(&x, b, p), Matrix::new(&w, p, h));
    run("dW1", Matrix::new(&x, b, p).transposed(), Matrix::new(&dh, b, h));
    run("h W2", Matrix::new(&hid, b, h), Matrix::new(&wl, h, p));
    run("dW2", Matrix::new(&hid, b, h).transposed(), Matrix::new(&dl, b, p));
    run("dX", Matrix::new(&dl, b, p), Matrix::new(&wl, h, p).transposed());
}
