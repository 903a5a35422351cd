//! Members onto workers.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use record::{Backend, MemberId, Owner};

use crate::member::{Outcome, Part, train};
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
    part: Part,
    /// Those that follow it, if it has begun.
    observers: Option<Vec<Box<dyn Observer + 'a>>>,
    /// Whether another process had it when it was last tried, of which it is not known whether it lives.
    tried: bool,
}

impl Waiting<'_> {
    fn new(member: MemberId) -> Self {
        Self { member, part: Part::default(), observers: None, tried: false }
    }
}

/// How long to wait before a member is tried again that another process had.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

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

/// How many images each of some members is to have seen when it is paused, for all workers to end at the same time.
///
/// Where the members cannot be dealt out evenly, a worker begins with the first part of one, which is gone on with when all
/// others are done or under way. The first parts must be begun before all other members, and what is left of them be the last.
/// Only training is counted, not what is measured after it, and every member is taken to begin at its first step.
///
/// Source: McNaughton, *Scheduling with deadlines and loss functions* (1959), theorem 3.1: the members in a row, cut into as
/// many equal pieces as there are workers.
fn first_parts(members: usize, workers: usize, images: usize) -> Vec<usize> {
    if members < workers {
        return Vec::new();
    }
    // Where the piece of a worker ends within a member, this share of the member is in it: its last part, times `workers`.
    let last_parts = (1..workers).map(|worker| worker * members % workers);
    let first_parts = last_parts.map(|part| images * (workers - part) / workers);
    first_parts.filter(|part| (1..images).contains(part)).collect()
}

/// The members in the order in which they are begun: those of which nothing is left to do, the first parts, and all others.
///
/// The last ones are paused, so that most are finished in the order in which they are listed.
fn in_order<'a>(finished: &[MemberId], left: &[MemberId], first_parts: &[usize]) -> VecDeque<Waiting<'a>> {
    let (whole, paused) = left.split_at(left.len() - first_parts.len());
    let whole = whole.iter().map(|&member| Waiting::new(member));
    let paused = paused.iter().zip(first_parts).map(|(&member, &images)| Waiting {
        part: Part { pause_after: Some(images), claim: None },
        ..Waiting::new(member)
    });
    finished.iter().map(|&member| Waiting::new(member)).chain(paused).chain(whole).collect()
}

/// Trains the members, `workers` at a time; with `tensorboard`, each writes an event file.
///
/// A worker computes on one thread, and on Flex leaves the half of each step to a thread that has nothing else to do: one
/// for which there was no member from the start, or whose last member is done. That is slower than a member for each thread;
/// so members that cannot be dealt out evenly are trained in two parts, unless other processes train members of the same list. A
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
    let images = context.config.epochs * context.dataset.train.count();
    let is_finished = |member: &MemberId| context.dir.member(*member).is_finished();
    let waiting = if context.is_shared {
        in_order(&[], members, &[])
    } else {
        let (finished, left): (Vec<_>, Vec<_>) = members.iter().partition(|member| is_finished(member));
        in_order(&finished, &left, &first_parts(left.len(), workers, images))
    };
    let waiting = Mutex::new(waiting);
    let outcome = Mutex::new(SweepOutcome::default());
    let work = || {
        while !signals::interrupted() {
            let next = waiting.lock().expect("no worker panicked").pop_front();
            let Some(Waiting { member, part, observers, tried }) = next else { return };
            if tried {
                signals::sleep(BETWEEN_TRIES);
            }
            let mut observers = observers.unwrap_or_else(|| {
                let mut observers: Vec<Box<dyn Observer + '_>> = vec![Box::new(progress.member(member))];
                if tensorboard {
                    observers.push(Box::new(TensorBoard::new(context.dir, member)));
                }
                observers
            });
            let result = train(context, member, part, &mut observers);
            let again = |again| waiting.lock().expect("no worker panicked").push_back(again);
            let mut outcome = outcome.lock().expect("no worker panicked");
            match result {
                Ok(Outcome::Finished) => outcome.trained.push(member),
                Ok(Outcome::Done) => progress.leave_out(),
                Ok(Outcome::Interrupted) => outcome.interrupted = true,
                Ok(Outcome::Paused(claim)) => {
                    observers.paused();
                    let part = Part { pause_after: None, claim: Some(claim) };
                    again(Waiting { part, observers: Some(observers), ..Waiting::new(member) });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: usize) -> Vec<MemberId> {
        (0..count).map(|seed| MemberId { kl_coefficient: 1.0, seed: seed as u64 }).collect()
    }

    /// When all members are done, of which each takes as long as it has images, if every worker that is free takes what is first
    /// in the queue, as [`run`] does.
    fn end(count: usize, workers: usize, images: usize) -> usize {
        let mut queue = in_order(&[], &members(count), &first_parts(count, workers, images));
        let mut free = vec![0; workers];
        let mut seen = vec![0; count];
        // When they were paused.
        let mut paused: Vec<(usize, MemberId)> = Vec::new();
        loop {
            let worker = (0..workers).min_by_key(|&worker| free[worker]).expect("there is a worker");
            // What was paused by now stands at the end of the queue.
            paused.sort_by_key(|&(at, _)| at);
            for (_, member) in paused.extract_if(.., |&mut (at, _)| at <= free[worker]) {
                queue.push_back(Waiting::new(member));
            }
            let Some(Waiting { member, part, .. }) = queue.pop_front() else { break };
            let seen = &mut seen[member.seed as usize];
            let until = part.pause_after.unwrap_or(images);
            free[worker] += until - *seen;
            *seen = until;
            if until < images {
                paused.push((free[worker], member));
            }
        }
        assert!(seen.iter().all(|&seen| seen == images), "{count} on {workers}: {seen:?}");
        free.into_iter().max().expect("there is a worker")
    }

    #[test]
    fn all_workers_end_at_the_same_time() {
        for workers in 1..=16 {
            for count in workers..=4 * workers {
                let images = 1000;
                let expected = usize::div_ceil(count * images, workers);
                let found = end(count, workers, images);
                // A member is cut at a whole image.
                assert!(
                    (expected..=expected + 1).contains(&found),
                    "{count} on {workers}: {found}, {expected}"
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

    #[test]
    fn what_is_finished_comes_first_and_the_last_members_are_those_that_are_paused() {
        let all = members(6);
        let (finished, left) = all.split_at(1);
        let order: Vec<(u64, Option<usize>)> = in_order(finished, left, &[30, 60])
            .into_iter()
            .map(|waiting| (waiting.member.seed, waiting.part.pause_after))
            .collect();
        assert_eq!(order, [(0, None), (4, Some(30)), (5, Some(60)), (1, None), (2, None), (3, None)]);
    }
}
