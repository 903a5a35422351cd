//! Members onto workers.

use std::collections::VecDeque;
use std::sync::Mutex;

use anyhow::{Context, Error, Result};
use record::{Backend, MemberId};

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
    /// Members that another process trains.
    pub locked: Vec<MemberId>,
    /// Members that could not be trained to their end, and why.
    pub failures: Vec<(MemberId, Error)>,
}

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
    let waiting = Mutex::new(VecDeque::from(members.to_vec()));
    let outcome = Mutex::new(SweepOutcome::default());
    let work = || {
        while !signals::interrupted() {
            let Some(member) = waiting.lock().expect("no worker panicked").pop_front() else { return };
            let mut observers: Vec<Box<dyn Observer + '_>> = vec![Box::new(progress.member(member))];
            if tensorboard {
                observers.push(Box::new(TensorBoard::new(context.dir, member)));
            }
            let result = train(context, member, &mut observers);
            let mut outcome = outcome.lock().expect("no worker panicked");
            match result {
                Ok(Outcome::Finished(_)) => {}
                Ok(Outcome::Interrupted) => outcome.interrupted = true,
                Ok(Outcome::Locked) => outcome.locked.push(member),
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
