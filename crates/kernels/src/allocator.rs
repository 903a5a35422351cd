//! What the program asks of its allocator.

/// The place of `mi_option_purge_delay` among mimalloc's options (`mimalloc.h`, version 3).
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
const NEVER: std::ffi::c_long = -1;

/// Has mimalloc, where it is the program's allocator, keep the pages of freed memory for what is allocated next. By
/// default it gives them back to the system after a second, which then clears them one by one for the next step's tensors.
pub fn keep_freed_pages() {
    // SAFETY: the option is set before it is read, as a number by the library itself.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, NEVER) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_delay_until_pages_are_given_back() {
        // SAFETY: only a number is read.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1000, "mimalloc's default in milliseconds");
        keep_freed_pages();
        assert_eq!(delay(), NEVER);
    }
}
