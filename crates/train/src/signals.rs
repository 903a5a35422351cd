//! Ctrl-C and SIGTERM: the running step is finished and saved.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};

static RECEIVED: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// Begins to catch the signals; a second one ends the process at once.
pub fn catch() -> Result<()> {
    let received = RECEIVED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        let context = || format!("cannot catch the signal {signal}");
        // The order matters: the first signal finds the flag unset, and only sets it.
        let is_set = Arc::new(std::sync::atomic::AtomicBool::new(false));
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, is_set.clone())
            .with_context(context)?;
        signal_hook::flag::register(signal, is_set).with_context(context)?;
        signal_hook::flag::register_usize(signal, received.clone(), signal as usize).with_context(context)?;
    }
    Ok(())
}

/// Whether a signal asked to stop.
pub fn interrupted() -> bool {
    exit_code().is_some()
}

/// The exit code after a signal by the convention of shells, 130 after Ctrl-C; nothing if none came.
pub fn exit_code() -> Option<u8> {
    match RECEIVED.get().map_or(0, |received| received.load(Ordering::Relaxed)) {
        0 => None,
        signal => Some(128 + signal as u8),
    }
}
