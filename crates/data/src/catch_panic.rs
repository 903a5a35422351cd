//! Panics of libraries, turned into errors.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

/// The value of `f`, or the message of its panic, which is not printed.
///
/// For library calls that panic on what is no programmer's error, such as a missing driver or network. The panic hook is
/// the process's: call this while no other thread may panic.
pub fn catch_panic<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let result = catch_unwind(AssertUnwindSafe(f));
    set_hook(hook);
    result.map_err(|payload| match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().map_or_else(|_| "no message".into(), |m| m.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch_panic(|| 3), Ok(3));
        assert_eq!(catch_panic(|| -> () { panic!("no {}", "driver") }), Err("no driver".to_string()));
        assert_eq!(catch_panic(|| -> () { panic!("none") }), Err("none".to_string()));
    }
}
