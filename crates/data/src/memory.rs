//! How much memory there is.

use std::fs::read_to_string;
use std::path::Path;

/// Bytes of memory that this process may use, where the system tells: those of the machine, or what the process's control groups
/// leave it, as in a container or a batch job.
pub fn memory_at_hand() -> Option<f64> {
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = limit_of_groups(&groups, Path::new("/sys/fs/cgroup"));
    [of_machine(), limit].into_iter().flatten().reduce(f64::min)
}

fn of_machine() -> Option<f64> {
    let text = read_to_string("/proc/meminfo").ok()?;
    let kilobytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?;
    Some(1024.0 * kilobytes.parse::<f64>().ok()?)
}

/// The lowest limit of control groups of either version, given as in `/proc/self/cgroup`, and of all that they are in: see
/// cgroups(7).
///
/// Within a container, a group's path may be that outside: what of it is not there limits nothing.
fn limit_of_groups(groups: &str, root: &Path) -> Option<f64> {
    let mut lowest: Option<f64> = None;
    for line in groups.lines() {
        let Some((controllers, path)) = line.split_once(':').and_then(|(_, rest)| rest.split_once(':'))
        else {
            continue;
        };
        let (root, file) = match controllers {
            "" => (root.to_path_buf(), "memory.max"),
            of if of.split(',').any(|of| of == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => continue,
        };
        let group = root.join(path.trim_start_matches('/'));
        for folder in group.ancestors().take_while(|folder| folder.starts_with(&root)) {
            let limit = read_to_string(folder.join(file)).ok().and_then(|text| text.trim().parse().ok());
            lowest = lowest.into_iter().chain(limit).reduce(f64::min);
        }
    }
    lowest
}

/// Bytes in units that people read.
pub fn in_gigabytes(bytes: f64) -> String {
    match bytes {
        bytes if bytes < 1e9 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_lowest_limit_of_the_groups_and_of_all_that_they_are_in_counts() {
        let root = tempfile::tempdir().unwrap();
        let written = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let limit = |groups| limit_of_groups(groups, root.path());
        assert_eq!(limit("0::/job/step\n"), None);
        written("job/step/memory.max", "max\n");
        assert_eq!(limit("0::/job/step\n"), None);
        written("job/memory.max", "2000\n");
        written("memory.max", "3000\n");
        assert_eq!(limit("0::/job/step\n"), Some(2000.0));
        // The path outside of a container, whose own group is the root within.
        assert_eq!(limit("0::/pod/of/another\n"), Some(3000.0));
        // The first version, beside a second that controls no memory.
        written("memory/docker/memory.limit_in_bytes", "1000\n");
        written("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(limit("5:cpu,cpuacct:/docker\n4:memory:/docker\n0::/\n"), Some(1000.0));
        assert_eq!(limit("5:cpu,cpuacct:/docker\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn there_is_memory_here() {
        let (all, machine) = (memory_at_hand().unwrap(), of_machine().unwrap());
        assert!(all > 1e6 && all <= machine, "{all} of {machine}");
    }
}
