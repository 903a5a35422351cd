use kernels::*;
use std::time::Instant;
#[global_allocator]
static A: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let (b, p, h) = (128usize, 784usize, 256usize);
    let x = vec![0.5f32; b * p];
    let w = vec![0.1f32; p * h];
    let bias = vec![0f32; h];
    for t in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(t).build().unwrap();
        pool.install(|| {
            for ops in [1, 4, 16] {
                let mut best = f64::MAX;
                for _ in 0..50 {
                    let s = Instant::now();
                    assisted(
                        || {
                            for _ in 0..ops {
                                std::hint::black_box(dense(
                                    Matrix::new(&x, b, p),
                                    Matrix::new(&w, p, h),
                                    &bias,
                                    Activation::Relu,
                                ));
                            }
                        },
                        || (),
                    );
                    best = best.min(s.elapsed().as_secs_f64());
                }
                println!("{t} threads {ops} ops {:.1} us each", best * 1e6 / ops as f64);
            }
        });
    }
}
