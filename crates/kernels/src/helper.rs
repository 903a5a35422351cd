//! A second thread for the length of a training step.
//!
//! A step is a chain of operations, each a fraction of a millisecond long. To hand half of each to a sleeping thread costs
//! up to 70 µs for every operation; so a thread of the pool that has nothing else to do serves a whole step, and spins
//! between its operations. Where every thread has a step of its own, none of this happens.

use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// Steps that are being computed, in the whole process.
static STEPS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Where the step that this thread computes leaves work for its helper; null outside a step.
    static DESK: Cell<*const Desk> = const { Cell::new(ptr::null()) };
}

/// Turns of the loop in which a helper waits before it offers its core to other programs at every turn: some 20 µs.
const PATIENCE: usize = 500;

const EMPTY: u8 = 0;
/// A task lies on the desk.
const POSTED: u8 = 1;
/// The helper computes it.
const TAKEN: u8 = 2;
const DONE: u8 = 3;
/// The step is over.
const CLOSED: u8 = 4;

/// A task: the half of an operation that the helper computes. The pointer is valid from `POSTED` until `EMPTY`.
type Task = *const (dyn Fn() + Sync);

struct Desk {
    state: AtomicU8,
    task: UnsafeCell<Option<Task>>,
    /// A helper has come.
    attended: AtomicBool,
    /// The helper panicked.
    failed: AtomicBool,
}

// SAFETY: `task` is written by the step's thread in the states EMPTY and DONE, in which the helper does not look at it, and
// read by the helper only after it has changed the state from POSTED to TAKEN.
unsafe impl Sync for Desk {}

/// Computes a step, with a helper if a thread of the current rayon pool has nothing to do, and something else meanwhile.
///
/// Operations within `step` that call this crate's functions share their work with the helper. The results have the same
/// bits with and without one. `meanwhile` is computed by the helper after its first task, or at the end by this thread.
pub fn assisted<R: Send, S: Send>(
    step: impl FnOnce() -> R + Send,
    meanwhile: impl FnOnce() -> S + Send,
) -> (R, S) {
    let desk = Desk {
        state: AtomicU8::new(EMPTY),
        task: UnsafeCell::new(None),
        attended: AtomicBool::new(false),
        failed: AtomicBool::new(false),
    };
    let meanwhile = Mutex::new(Some(meanwhile));
    let result = Mutex::new(None);
    let compute_meanwhile = || {
        let waiting = meanwhile.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(meanwhile) = waiting {
            let value = meanwhile();
            *result.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(value);
        }
    };
    let (output, ()) = rayon::join(
        || {
            let _step = Step::begin(&desk);
            step()
        },
        || desk.serve(compute_meanwhile),
    );
    compute_meanwhile();
    let value = result.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    (output, value.expect("it was computed by the helper or just now"))
}

/// Computes `work` on the numbers from 0 up to `count`: all at once, or its two halves on two threads.
///
/// `work` must give the same bits however its range is cut, where `cut` rounds the place.
pub(crate) fn in_halves(count: usize, cut: usize, work: impl Fn(Range<usize>) + Sync) {
    let middle = (count / 2).next_multiple_of(cut).min(count);
    let desk = DESK.get();
    if desk.is_null() || middle == count {
        return work(0..count);
    }
    // SAFETY: the desk lives until `Step`, which sets the pointer, has set it back.
    let desk = unsafe { &*desk };
    if !desk.attended.load(Ordering::Acquire) && STEPS.load(Ordering::Relaxed) >= rayon::current_num_threads()
    {
        return work(0..count);
    }
    desk.share(|| work(0..middle), &|| work(middle..count));
}

/// A step under way on this thread.
struct Step<'a> {
    desk: &'a Desk,
    outer: *const Desk,
}

impl<'a> Step<'a> {
    fn begin(desk: &'a Desk) -> Self {
        STEPS.fetch_add(1, Ordering::Relaxed);
        Self { desk, outer: DESK.replace(desk) }
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        DESK.set(self.outer);
        STEPS.fetch_sub(1, Ordering::Relaxed);
        self.desk.state.store(CLOSED, Ordering::Release);
    }
}

impl Desk {
    /// Computes one half here and the other by the helper, or here as well if none takes it.
    fn share(&self, own: impl FnOnce(), other: &(dyn Fn() + Sync)) {
        // SAFETY: only the lifetime is left out. `Posted` ends the task's life before this function returns or unwinds.
        let task = unsafe { std::mem::transmute::<&(dyn Fn() + Sync), &'static (dyn Fn() + Sync)>(other) };
        // SAFETY: the state is EMPTY, in which the helper does not look at it.
        unsafe { *self.task.get() = Some(task) };
        self.state.store(POSTED, Ordering::Release);
        let posted = Posted(self);
        own();
        if posted.take_back() {
            other();
        }
        drop(posted);
        assert!(!self.failed.load(Ordering::Acquire), "the other half of an operation panicked");
    }

    /// Computes what is posted until the step is over.
    fn serve(&self, meanwhile: impl FnOnce()) {
        // In the middle of a step of its own, a thread that waits must not begin to wait for another one's end.
        if !DESK.get().is_null() {
            return;
        }
        self.attended.store(true, Ordering::Release);
        let mut meanwhile = Some(meanwhile);
        let mut turns = 0;
        loop {
            match self.state.load(Ordering::Acquire) {
                CLOSED => return,
                POSTED if self.claim() => {
                    // SAFETY: TAKEN gives the task to this thread until it says DONE.
                    let task = unsafe { (*self.task.get()).map(|task| &*task) };
                    if let Some(task) = task
                        && catch_unwind(AssertUnwindSafe(task)).is_err()
                    {
                        self.failed.store(true, Ordering::Release);
                    }
                    self.state.store(DONE, Ordering::Release);
                    if let Some(meanwhile) = meanwhile.take() {
                        meanwhile();
                    }
                    turns = 0;
                }
                _ if turns < PATIENCE => {
                    turns += 1;
                    std::hint::spin_loop();
                }
                _ => std::thread::yield_now(),
            }
        }
    }

    fn claim(&self) -> bool {
        self.state.compare_exchange(POSTED, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// A task on the desk, which must not outlive what it borrows.
struct Posted<'a>(&'a Desk);

impl Posted<'_> {
    /// Whether the helper did not take it, and will not.
    fn take_back(&self) -> bool {
        self.0.state.compare_exchange(POSTED, EMPTY, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        if !self.take_back() {
            while self.0.state.load(Ordering::Acquire) == TAKEN {
                std::hint::spin_loop();
            }
            self.0.state.store(EMPTY, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    /// How often each number was computed, and by how many threads.
    fn counts(count: usize, cut: usize) -> (Vec<u32>, usize) {
        let counts: Vec<AtomicU32> = (0..count).map(|_| AtomicU32::new(0)).collect();
        let threads = Mutex::new(std::collections::HashSet::new());
        in_halves(count, cut, |range| {
            threads.lock().unwrap().insert(std::thread::current().id());
            // Long enough for a helper to come.
            std::thread::sleep(Duration::from_millis(20));
            for number in range {
                counts[number].fetch_add(1, Ordering::Relaxed);
            }
        });
        (counts.into_iter().map(AtomicU32::into_inner).collect(), threads.into_inner().unwrap().len())
    }

    #[test]
    fn every_number_is_computed_once_with_and_without_a_helper() {
        for (threads, expected) in [(1, 1), (2, 2)] {
            on_threads(threads, || {
                let (outputs, ()) = assisted(
                    || [(7, 1), (7, 4), (0, 1), (1, 1), (64, 6)].map(|(n, cut)| counts(n, cut)),
                    || (),
                );
                for (counts, _) in &outputs {
                    assert!(counts.iter().all(|&count| count == 1), "{counts:?}");
                }
                assert_eq!(outputs[4].1, expected);
            });
        }
    }

    #[test]
    fn outside_a_step_nothing_is_shared() {
        on_threads(2, || assert_eq!(counts(8, 1), (vec![1; 8], 1)));
    }

    #[test]
    fn what_is_computed_meanwhile_is_computed_once() {
        for threads in [1, 2] {
            let calls = AtomicU32::new(0);
            let (_, value) = on_threads(threads, || {
                assisted(|| counts(4, 1), || calls.fetch_add(1, Ordering::Relaxed) + 10)
            });
            assert_eq!((value, calls.into_inner()), (10, 1));
        }
    }

    #[test]
    fn a_panic_in_either_half_reaches_the_caller() {
        for place in [0, 7] {
            let panicked = on_threads(2, || {
                catch_unwind(|| {
                    assisted(
                        || {
                            in_halves(8, 1, |range| {
                                std::thread::sleep(Duration::from_millis(20));
                                assert!(!range.contains(&place), "the half with {place}");
                            });
                        },
                        || (),
                    )
                })
            });
            assert!(panicked.is_err());
        }
    }

    #[test]
    fn steps_within_parallel_loops_end() {
        use rayon::prelude::*;
        // A thread that waits in one step may be given another one to compute.
        let sums: Vec<usize> = on_threads(3, || {
            (0..64usize)
                .into_par_iter()
                .map(|step| {
                    let inner = || (0..100usize).into_par_iter().sum::<usize>() + step;
                    let sum = AtomicUsize::new(0);
                    let (inner, ()) = assisted(
                        || {
                            in_halves(10, 1, |range| {
                                sum.fetch_add(range.len(), Ordering::Relaxed);
                            });
                            inner()
                        },
                        || (),
                    );
                    inner + sum.into_inner()
                })
                .collect()
        });
        assert_eq!(sums, (0..64).map(|step| 4950 + 10 + step).collect::<Vec<_>>());
    }
}
