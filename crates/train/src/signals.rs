//! Signals that ask the program to stop: the running step is finished and saved.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};

/// The exit code after Ctrl-C.
const INTERRUPTED: u8 = 130;

/// The signals and the exit codes that follow them: 130 for Ctrl-C by the convention of shells; 75, `EX_TEMPFAIL` of BSD's
/// `sysexits.h`, where a scheduler takes the machine away and is to start the job again.
const STOPPING: &[(i32, u8)] = &[
    (SIGINT, INTERRUPTED),
    (SIGTERM, 75),
    #[cfg(unix)]
    (signal_hook::consts::SIGUSR1, 75),
];

/// The exit code after the signal that came; 0 if none did.
static RECEIVED: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// Begins to catch the signals; a second one ends the process at once.
pub fn catch() -> Result<()> {
    let received = RECEIVED.get_or_init(Arc::default);
    for &(signal, code) in STOPPING {
        let context = || format!("cannot catch the signal {signal}");
        // The order matters: the first signal finds the flag unset, and only sets it.
        let is_set = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register_conditional_shutdown(signal, code.into(), is_set.clone())
            .with_context(context)?;
        signal_hook::flag::register(signal, is_set).with_context(context)?;
        signal_hook::flag::register_usize(signal, received.clone(), code.into()).with_context(context)?;
    }
    Ok(())
}

/// Whether a signal asked to stop.
pub fn interrupted() -> bool {
    exit_code().is_some()
}

/// The exit code after the signal that came; `None` if none did.
pub fn exit_code() -> Option<u8> {
    match RECEIVED.get().map_or(0, |received| received.load(Ordering::Relaxed)) {
        0 => None,
        code => Some(code as u8),
    }
}

/// Asks to stop as Ctrl-C does: for programs that catch signals themselves.
pub fn interrupt() {
    RECEIVED.get_or_init(Arc::default).store(INTERRUPTED.into(), Ordering::Relaxed);
}

/// Forgets what asked to stop, so that such a program can go on.
pub fn forget() {
    RECEIVED.get_or_init(Arc::default).store(0, Ordering::Relaxed);
}

/// Waits, not longer than until a signal asks to stop.
pub fn sleep(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time && !interrupted() {
        std::thread::sleep(Duration::from_millis(20).min(time));
    }
}
