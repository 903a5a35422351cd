//! What a scheduler says about the task that this process is.

/// The number of the task among those of its job, from 0 on; `None` outside of schedulers.
///
/// Slurm numbers the tasks of an array as its user likes, and says where it begins; Kubernetes counts the indices of an
/// indexed job from 0; HyperQueue gives the number that was asked for.
fn task() -> Option<usize> {
    let variable = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok();
    let of_slurm = || {
        let task = variable("SLURM_ARRAY_TASK_ID")?;
        Some(task.saturating_sub(variable("SLURM_ARRAY_TASK_MIN").unwrap_or(0)))
    };
    of_slurm()
        .or_else(|| variable("JOB_COMPLETION_INDEX"))
        .or_else(|| variable("HQ_TASK_ID"))
        .or_else(|| variable("SLURM_PROCID"))
}

/// Where in a list of so many this process begins to look for something to do.
pub fn first_to_look_at(count: usize) -> usize {
    spread(task().unwrap_or(0), count)
}

/// Places far from each other for tasks 0, 1, 2, ..., however many there are: multiples of the golden ratio, modulo 1.
fn spread(task: usize, count: usize) -> usize {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    ((task as f64 * GOLDEN).fract() * count as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_begin_far_from_each_other() {
        assert_eq!(spread(0, 10), 0);
        for tasks in 1..=100 {
            let mut places: Vec<usize> = (0..tasks).map(|task| spread(task, 1000)).collect();
            places.sort_unstable();
            assert!(places.iter().all(|&place| place < 1000));
            // The gaps of such a sequence have at most three lengths, the smallest at least 0.38 of the mean.
            let least = places.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(1000);
            assert!(least * tasks * 3 >= 1000, "{tasks}: {least}");
        }
    }
}
