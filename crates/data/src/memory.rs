//! How much memory the machine has.

/// Bytes of memory that the machine has, where it can be asked.
pub fn memory_of_machine() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?;
    Some(1024.0 * kilobytes.parse::<f64>().ok()?)
}

/// Bytes in units that people read.
pub fn in_gigabytes(bytes: f64) -> String {
    match bytes {
        bytes if bytes < 1e9 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    }
}
