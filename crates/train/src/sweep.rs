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
struct Waiting {
    member: MemberId,
    /// Whether another process had it when it was last tried, of which it is not known whether it lives.
    tried: bool,
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

/// Trains the members, `workers` at a time; with `tensorboard`, each writes an event file.
///
/// A worker computes on one thread, and on Flex leaves the half of each step to a thread that has nothing else to do: one
/// for which there was no member from the start, or whose last member is done. A sum has the same bits however many members
/// run beside it.
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
    let waiting = members.iter().map(|&member| Waiting { member, tried: false });
    let waiting = Mutex::new(waiting.collect::<VecDeque<_>>());
    let outcome = Mutex::new(SweepOutcome::default());
    let work = || {
        while !signals::interrupted() {
            let next = waiting.lock().expect("no worker panicked").pop_front();
            let Some(Waiting { member, tried }) = next else { return };
            if tried {
                signals::sleep(PAUSE);
            }
            let mut observers: Vec<Box<dyn Observer + '_>> = vec![Box::new(progress.member(member))];
            if tensorboard {
                observers.push(Box::new(TensorBoard::new(context.dir, member)));
            }
            let result = train(context, member, &mut observers);
            let mut outcome = outcome.lock().expect("no worker panicked");
            match result {
                Ok(Outcome::Finished) => outcome.trained.push(member),
                Ok(Outcome::Done) => progress.leave_out(),
                Ok(Outcome::Interrupted) => outcome.interrupted = true,
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
                    waiting.lock().expect("no worker panicked").push_back(Waiting { member, tried: true });
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
