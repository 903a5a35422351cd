//! What the program asks of its allocator.

/// The place of `mi_option_purge_delay` among mimalloc's options (`mimalloc.h`, version 3).
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// An hour, in milliseconds: pages that are never due to be given back are not given back on request either.
const LONG: std::ffi::c_long = 3_600_000;

/// Has mimalloc, where it is the program's allocator, keep the pages of freed memory for what is allocated next. By
/// default it gives them back to the system after a second, which then clears them one by one for the next step's tensors.
pub fn keep_freed_pages() {
    // SAFETY: the option is set before it is read, as a number by the library itself.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, LONG) };
}

/// Gives back to the system the pages that [`keep_freed_pages`] kept: when what comes next needs other memory than what was.
pub fn give_back_freed_pages() {
    // SAFETY: it frees what nobody uses.
    unsafe { libmimalloc_sys::mi_collect(true) };
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
        assert_eq!(delay(), LONG);
    }
}
