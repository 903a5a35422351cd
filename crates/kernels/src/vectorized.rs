//! Loops of other crates, compiled for the vectors of the set in use.

use crate::KernelSet;

/// A loop of safe code that gains from wide vectors.
pub trait Vectorized {
    /// What it computes.
    type Output;

    /// Computes it. Both this function and all that it calls must be `#[inline(always)]`, or they are compiled for every
    /// processor alike; without `mul_add`, which has no instruction on some, the bits are the same for every set.
    fn run(self) -> Self::Output;
}

/// Runs the version of a loop that is compiled for the widest vectors of [`KernelSet::active`].
pub fn vectorized<V: Vectorized>(work: V) -> V::Output {
    vectorized_with(KernelSet::active(), work)
}

fn vectorized_with<V: Vectorized>(set: KernelSet, work: V) -> V::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
        fn avx512<V: Vectorized>(work: V) -> V::Output {
            work.run()
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2<V: Vectorized>(work: V) -> V::Output {
            work.run()
        }
        match set {
            KernelSet::Portable => {}
            // SAFETY: a set is only chosen where the processor has its features: see `KernelSet::is_available`.
            KernelSet::Avx2 => return unsafe { avx2(work) },
            KernelSet::Avx512 | KernelSet::Avx512Packed => {
                // SAFETY: as above.
                return unsafe { avx512(work) };
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = set;
    work.run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exp_f64;

    struct Exponentials<'a>(&'a [f64]);

    impl Vectorized for Exponentials<'_> {
        type Output = Vec<u64>;

        #[inline(always)]
        fn run(self) -> Vec<u64> {
            self.0.iter().map(|&x| exp_f64(x).to_bits()).collect()
        }
    }

    #[test]
    fn every_set_computes_the_same_bits() {
        let numbers: Vec<f64> = (0..1000).map(|i| -f64::from(i) * 0.7103).collect();
        let plain = Exponentials(&numbers).run();
        for set in KernelSet::available() {
            assert_eq!(vectorized_with(set, Exponentials(&numbers)), plain, "{set}");
        }
    }
}
