//! Denormal numbers, which the processor computes a hundred times slower than others.

/// Makes the current thread take denormal floating-point numbers for zero, in operands and in results.
///
/// Adam's moments of a weight whose gradient has become zero decay towards zero and would, from the second epoch on,
/// spend the rest of the training among the denormals, below 1.2e-38. Nothing that is learned depends on numbers of
/// that size.
///
/// Every thread that computes for a member must call it, or its bits would depend on where it ran. Does nothing on
/// processors other than x86-64 and AArch64.
pub fn flush_denormals_to_zero() {
    #[cfg(target_arch = "x86_64")]
    {
        // "Intel 64 and IA-32 Architectures Software Developer's Manual", volume 1, section 10.2.3.
        const DENORMALS_ARE_ZERO: u32 = 1 << 6;
        const FLUSH_TO_ZERO: u32 = 1 << 15;
        let mut mxcsr = 0u32;
        // SAFETY: both instructions exist on every x86-64 processor and touch only `mxcsr` and the control register. The
        // two bits change no rounding mode and mask no exception; what they change, results that would be denormal, no
        // code of this program relies on.
        unsafe {
            std::arch::asm!("stmxcsr [{}]", in(reg) &mut mxcsr, options(nostack));
            mxcsr |= DENORMALS_ARE_ZERO | FLUSH_TO_ZERO;
            std::arch::asm!("ldmxcsr [{}]", in(reg) &mxcsr, options(nostack));
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        // "Arm Architecture Reference Manual", FPCR: the bit FZ flushes operands and results.
        const FLUSH_TO_ZERO: u64 = 1 << 24;
        let mut fpcr: u64;
        // SAFETY: every AArch64 processor has the register, and programs may write it. As above, only denormal operands
        // and results change.
        unsafe {
            std::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack));
            fpcr |= FLUSH_TO_ZERO;
            std::arch::asm!("msr fpcr, {}", in(reg) fpcr, options(nomem, nostack));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn only_the_thread_that_asked_flushes_denormals() {
        const DENORMAL: f32 = 1e-40;
        let results_and_operands = || {
            let result = black_box(f32::MIN_POSITIVE) * black_box(0.5);
            let operand = black_box(DENORMAL) * black_box(1e10);
            (result, operand)
        };
        let flushed = std::thread::spawn(move || {
            flush_denormals_to_zero();
            results_and_operands()
        });
        assert_eq!(flushed.join().unwrap(), (0.0, 0.0));
        let (result, operand) = results_and_operands();
        assert!(result > 0.0 && operand > 0.0, "{result:e} {operand:e}");
    }

    #[test]
    fn normal_numbers_stay_as_they_are() {
        let tiny = std::thread::spawn(|| {
            flush_denormals_to_zero();
            black_box(f32::MIN_POSITIVE) * black_box(1.0)
        });
        assert_eq!(tiny.join().unwrap(), f32::MIN_POSITIVE);
    }
}
