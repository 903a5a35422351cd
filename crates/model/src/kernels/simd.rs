//! Loops compiled once for every width of vectors that a processor may have, chosen at run time.

/// Multiplication and addition in one rounding where the processor has it, else in two: `mul_add` without hardware for
/// it is a slow function call.
pub(crate) trait Arithmetic {
    fn multiply_add(a: f32, b: f32, c: f32) -> f32;
}

/// Of processors with a fused instruction.
pub(crate) struct Fused;

/// Of all processors.
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

/// Defines a function that runs `$body::<A>`, compiled with the widest vectors of the processor that it runs on.
macro_rules! widest_vectors {
    ($(#[$doc:meta])* pub(crate) fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? = $body:ident) => {
        $(#[$doc])*
        pub(crate) fn $name($($argument: $type),*) $(-> $output)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($argument: $type),*) $(-> $output)? {
                    $body::<$crate::kernels::simd::Fused>($($argument),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) $(-> $output)? {
                    $body::<$crate::kernels::simd::Fused>($($argument),*)
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("fma")
                {
                    // SAFETY: the processor has the features, which was just asked.
                    return unsafe { avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: as above.
                    return unsafe { avx2($($argument),*) };
                }
            }
            #[cfg(target_arch = "aarch64")]
            return $body::<$crate::kernels::simd::Fused>($($argument),*);
            #[cfg(not(target_arch = "aarch64"))]
            return $body::<$crate::kernels::simd::Separate>($($argument),*);
        }
    };
}
pub(crate) use widest_vectors;
