//! Loops compiled once for every width of vectors that a processor may have, chosen by the set in use.

/// Multiplication and addition in one rounding where the set has it, else in two: `mul_add` without an instruction for it
/// is a slow function call.
pub(crate) trait Arithmetic {
    fn multiply_add(a: f32, b: f32, c: f32) -> f32;
}

/// Of sets with a fused instruction.
pub(crate) struct Fused;

/// Of the portable set, but on AArch64.
#[cfg_attr(
    target_arch = "aarch64",
    allow(dead_code, reason = "AArch64 has the fused instruction everywhere")
)]
pub(crate) struct Separate;

impl Arithmetic for Fused {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Arithmetic for Separate {
    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// The arithmetic of the portable set.
#[cfg(target_arch = "aarch64")]
pub(crate) type Portable = Fused;
#[cfg(not(target_arch = "aarch64"))]
pub(crate) type Portable = Separate;

/// Defines a function that runs `$body::<A>`, compiled for each set of kernels, with the set given first. It may have one
/// generic type, which is passed on.
macro_rules! for_each_set {
    ($(#[$doc:meta])* $visibility:vis fn $name:ident $(<$generic:ident: $bound:ident>)? ($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? = $body:ident) => {
        $(#[$doc])*
        $visibility fn $name $(<$generic: $bound>)? (set: $crate::KernelSet, $($argument: $type),*) $(-> $output)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                fn avx512 $(<$generic: $bound>)? ($($argument: $type),*) $(-> $output)? {
                    $body::<$crate::vectors::Fused $(, $generic)?>($($argument),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2 $(<$generic: $bound>)? ($($argument: $type),*) $(-> $output)? {
                    $body::<$crate::vectors::Fused $(, $generic)?>($($argument),*)
                }
                match set {
                    $crate::KernelSet::Portable => {}
                    // SAFETY: a set is only chosen where the processor has its features: see `KernelSet::is_available`.
                    $crate::KernelSet::Avx2 => return unsafe { avx2 $(::<$generic>)? ($($argument),*) },
                    $crate::KernelSet::Avx512 | $crate::KernelSet::Avx512Packed => {
                        // SAFETY: as above.
                        return unsafe { avx512 $(::<$generic>)? ($($argument),*) };
                    }
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = set;
            $body::<$crate::vectors::Portable $(, $generic)?>($($argument),*)
        }
    };
}
pub(crate) use for_each_set;
