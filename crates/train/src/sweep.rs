//! Members onto workers.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use record::{Backend, MemberId, Owner};

use crate::member::{Outcome, train};
use crate::observer::Observer;
use crate::progress::SweepProgress;
use crate::run_context::RunContext;
use crate::signals;
use crate::tensorboard::TensorBoard;

/// How the members of a sweep ended.
#[derive(Default)]
pub struct SweepOutcome {
    /// A signal stopped the sweep before its last member was trained.
    pub interrupted: bool,
    /// Members that this process trained to their end.
    pub trained: Vec<MemberId>,
    /// Members that another process has, by its name where that is known.
    pub taken: Vec<(MemberId, Option<Owner>)>,
    /// Members that could not be trained to their end, and why.
    pub failures: Vec<(MemberId, Error)>,
}

impl SweepOutcome {
    /// Takes up how more of the sweep ended.
    pub fn add(&mut self, more: Self) {
        self.interrupted |= more.interrupted;
        self.trained.extend(more.trained);
        self.taken.extend(more.taken);
        self.failures.extend(more.failures);
    }
}

/// A member that waits for a worker.
struct Waiting<'a> {
    member: MemberId,
    /// After how many images it makes room for others for a while.
    pause_after: Option<usize>,
    /// Those that follow it, if it has begun.
    observers: Option<Vec<Box<dyn Observer + 'a>>>,
    /// Whether another process had it when it was last tried, of which it is not known whether it lives.
    tried: bool,
}

impl Waiting<'_> {
    fn new(member: MemberId) -> Self {
        Self { member, pause_after: None, observers: None, tried: false }
    }
}

/// How long to wait before such a member is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How many members train at the same time: `configured`, or for 0 one on each physical core.
pub fn worker_count(configured: usize, members: usize) -> usize {
    let wanted = if configured == 0 { cores() } else { configured };
    wanted.clamp(1, members.max(1))
}

fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start a worker's thread")
}

/// Physical cores that this process may use.
fn cores() -> usize {
    // A container may grant fewer processors than the machine has cores.
    let granted = std::thread::available_parallelism().map_or(1, |count| count.get());
    num_cpus::get_physical().min(granted)
}

/// After how many of its images each of some members is to be paused, for all workers to end at the same time.
///
/// Where the members cannot be dealt out evenly, a worker begins with the first part of one, which is gone on with when all
/// others are done or under way. The first parts must be begun before all other members, and what is left of them be the last.
///
/// Source: McNaughton, *Scheduling with deadlines and loss functions* (1959), theorem 3.1: the members in a row, cut into as
/// many equal pieces as there are workers.
fn first_parts(members: usize, workers: usize, images: usize) -> Vec<usize> {
    if members < workers {
        return Vec::new();
    }
    // What the worker before does of the member at its end, as a multiple of 1 / workers.
    let last_parts = (1..workers).map(|worker| worker * members % workers);
    let first_parts = last_parts.map(|part| images * (workers - part) / workers);
    first_parts.filter(|part| (1..images).contains(part)).collect()
}

/// Trains the members, `workers` at a time; with `tensorboard`, each writes an event file.
///
/// A worker computes on one thread, and on Flex leaves the half of each step to a thread that has nothing else to do: one
/// for which there was no member from the start, or whose last member is done. That is slower than a member for each thread;
/// so members that cannot be dealt out evenly are trained in two parts, unless another process could take them meanwhile. A
/// sum has the same bits however many members run beside it.
///
/// # Errors
///
/// Fails when no thread can be started. A member's failure stops only that member.
pub fn run(
    context: &RunContext<'_>,
    members: &[MemberId],
    workers: usize,
    progress: &SweepProgress,
    tensorboard: bool,
) -> Result<SweepOutcome> {
    let waiting = Mutex::new(in_order(context, members, workers));
    let outcome = Mutex::new(SweepOutcome::default());
    let work = || {
        while !signals::interrupted() {
            let next = waiting.lock().expect("no worker panicked").pop_front();
            let Some(Waiting { member, pause_after, observers, tried }) = next else { return };
            if tried {
                signals::sleep(PAUSE);
            }
            let mut observers = observers.unwrap_or_else(|| {
                let mut observers: Vec<Box<dyn Observer + '_>> = vec![Box::new(progress.member(member))];
                if tensorboard {
                    observers.push(Box::new(TensorBoard::new(context.dir, member)));
                }
                observers
            });
            let result = train(context, member, pause_after, &mut observers);
            let again = |again| waiting.lock().expect("no worker panicked").push_back(again);
            let mut outcome = outcome.lock().expect("no worker panicked");
            match result {
                Ok(Outcome::Finished) => outcome.trained.push(member),
                Ok(Outcome::Done) => progress.leave_out(),
                Ok(Outcome::Interrupted) => outcome.interrupted = true,
                Ok(Outcome::Paused) => {
                    observers.paused();
                    again(Waiting { observers: Some(observers), ..Waiting::new(member) });
                }
                Ok(Outcome::Taken { owner, alive: true }) => {
                    progress.leave_out();
                    outcome.taken.push((member, owner));
                }
                Ok(Outcome::Taken { owner, alive: false }) => {
                    if let (Some(owner), false) = (owner, tried) {
                        progress.say(&format!(
                            "{member} belongs to {owner}: waiting up to two minutes to see whether that still works; where it \
                             does not, --take-over saves the time"
                        ));
                    }
                    again(Waiting { tried: true, ..Waiting::new(member) });
                }
                Err(error) => {
                    progress.say(&format!("{member} failed: {error:#}"));
                    outcome.failures.push((member, error));
                }
            }
        }
    };
    if context.config.backend == Backend::Flex {
        // More threads than twice the workers would find no half of a step to compute.
        let threads = workers.max(cores().min(2 * workers));
        pool(threads)?.broadcast(|thread| {
            if thread.index() < workers {
                work();
            }
        });
    } else {
        // What these compute on several threads may add up in another order.
        let pools = (0..workers).map(|_| pool(1)).collect::<Result<Vec<_>>>()?;
        std::thread::scope(|scope| {
            for pool in &pools {
                scope.spawn(|| pool.install(work));
            }
        });
    }
    let mut outcome = outcome.into_inner().expect("no worker panicked");
    outcome.interrupted |= !waiting.into_inner().expect("no worker panicked").is_empty();
    Ok(outcome)
}

/// The members in the order in which they are begun.
fn in_order<'a>(context: &RunContext<'_>, members: &[MemberId], workers: usize) -> VecDeque<Waiting<'a>> {
    let is_finished = |member: &MemberId| context.dir.member(*member).is_finished();
    let (finished, left): (Vec<MemberId>, Vec<MemberId>) =
        members.iter().partition(|member| is_finished(member));
    let images = context.config.epochs * context.dataset.train.count();
    let pauses = if context.is_shared { Vec::new() } else { first_parts(left.len(), workers, images) };
    // The last ones, so that most are finished in the order in which they are listed.
    let (whole, paused) = left.split_at(left.len() - pauses.len());
    let paused = paused.iter().zip(pauses);
    let paused = paused.map(|(&member, pause)| Waiting { pause_after: Some(pause), ..Waiting::new(member) });
    finished
        .into_iter()
        .map(Waiting::new)
        .chain(paused)
        .chain(whole.iter().copied().map(Waiting::new))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker at each time that takes what is first in the queue, as [`run`] does: when all are done.
    fn end(members: usize, workers: usize, images: usize) -> usize {
        let parts = first_parts(members, workers, images);
        let whole = vec![images; members - parts.len()];
        // What is left of each part, and when it may begin.
        let mut queue: VecDeque<(usize, Option<usize>)> = parts
            .iter()
            .map(|&part| (part, Some(images - part)))
            .chain(whole.iter().map(|&all| (all, None)))
            .collect();
        let mut free = vec![0; workers];
        let mut paused: Vec<(usize, usize)> = Vec::new();
        loop {
            let worker = (0..workers).min_by_key(|&worker| free[worker]).unwrap();
            // What was paused by now stands at the end of the queue.
            paused.sort();
            for (_, rest) in paused.extract_if(.., |(at, _)| *at <= free[worker]) {
                queue.push_back((rest, None));
            }
            let Some((length, rest)) = queue.pop_front() else { break };
            free[worker] += length;
            paused.extend(rest.map(|rest| (free[worker], rest)));
        }
        assert!(paused.is_empty(), "{members} on {workers}");
        free.into_iter().max().unwrap()
    }

    #[test]
    fn all_workers_end_at_the_same_time() {
        for workers in 1..=16usize {
            for members in workers..=4 * workers {
                let images = 1000;
                let expected = (members * images).div_ceil(workers);
                let found = end(members, workers, images);
                // A member is cut at a whole image.
                assert!(
                    (expected..=expected + 1).contains(&found),
                    "{members} on {workers}: {found}, {expected}"
                );
            }
        }
    }

    #[test]
    fn members_that_are_dealt_out_evenly_or_too_few_are_not_paused() {
        for (members, workers) in [(4, 2), (5, 1), (6, 3), (2, 2), (1, 2), (3, 8), (0, 1)] {
            assert!(first_parts(members, workers, 1000).is_empty(), "{members} on {workers}");
        }
        assert_eq!(first_parts(5, 2, 1000), [500]);
        assert_eq!(first_parts(5, 4, 1000), [750, 500, 250]);
        assert!(first_parts(5, 2, 1).is_empty());
    }
}
