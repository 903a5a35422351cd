//! A second thread for the length of some training steps.
//!
//! A step is a chain of operations, each a fraction of a millisecond long. To hand half of each to a sleeping thread costs
//! up to 70 µs for every operation; so a thread of the pool that has nothing else to do serves a whole epoch, and spins
//! between its operations. Where every thread has steps of its own, none of this happens.

use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Threads that compute steps, in the whole process.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Where this thread leaves work for its helper; null where it can have none.
    static DESK: Cell<*const Desk> = const { Cell::new(ptr::null()) };
}

/// Turns of the loop in which a helper waits before it offers its core to other programs at every turn: some 20 µs.
const PATIENCE: usize = 500;

const EMPTY: u8 = 0;
/// A task lies there.
const POSTED: u8 = 1;
/// The helper computes it.
const TAKEN: u8 = 2;
const DONE: u8 = 3;

/// What the helper computes. The pointer is valid from `POSTED` until `EMPTY`.
type Task = *const (dyn Fn() + Sync);

/// A place for one task.
struct Tray {
    state: AtomicU8,
    task: UnsafeCell<Option<Task>>,
}

struct Desk {
    /// The half of an operation.
    half: Tray,
    /// What is computed beside a step, after the helper's next half.
    aside: Tray,
    /// Nothing more will come.
    closed: AtomicBool,
    /// A helper has come.
    attended: AtomicBool,
    /// The helper panicked.
    failed: AtomicBool,
}

// SAFETY: `task` is written by the desk's thread in the state EMPTY, in which the helper does not look at it, and read by the
// helper only after it has changed the state from POSTED to TAKEN.
unsafe impl Sync for Tray {}

/// Computes some steps, with a helper if a thread of the current rayon pool has nothing to do.
///
/// Operations within `steps` that call this crate's functions share their work with the helper, which stays until the last
/// step. The results have the same bits with and without one.
pub fn attended<R>(steps: impl FnOnce() -> R) -> R {
    let desk = Desk::new();
    rayon::in_place_scope(|scope| {
        scope.spawn(|_| desk.serve());
        let _at_work = AtWork::begin(&desk);
        steps()
    })
}

/// Computes a step, and something else meanwhile: by the helper after its first task, or at the end by this thread.
///
/// The helper is that of [`attended`] around it, or one that serves this step alone.
pub fn assisted<R, S: Send>(step: impl FnOnce() -> R, meanwhile: impl FnOnce() -> S + Send) -> (R, S) {
    let desk = DESK.get();
    // SAFETY: the desk lives until `AtWork`, which sets the pointer, has set it back.
    match unsafe { desk.as_ref() } {
        Some(desk) if desk.is_free() => desk.assist(step, meanwhile),
        _ => attended(|| assisted(step, meanwhile)),
    }
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
    // SAFETY: as in `assisted`.
    let desk = unsafe { &*desk };
    let all_work = || AT_WORK.load(Ordering::Relaxed) >= rayon::current_num_threads();
    if !desk.half.is_empty() || (!desk.attended.load(Ordering::Acquire) && all_work()) {
        return work(0..count);
    }
    desk.share(|| work(0..middle), &|| work(middle..count));
}

/// A thread that computes steps.
struct AtWork<'a> {
    desk: &'a Desk,
    outer: *const Desk,
}

impl<'a> AtWork<'a> {
    fn begin(desk: &'a Desk) -> Self {
        AT_WORK.fetch_add(1, Ordering::Relaxed);
        Self { desk, outer: DESK.replace(desk) }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        DESK.set(self.outer);
        AT_WORK.fetch_sub(1, Ordering::Relaxed);
        self.desk.closed.store(true, Ordering::Release);
    }
}

impl Desk {
    fn new() -> Self {
        Self {
            half: Tray::new(),
            aside: Tray::new(),
            closed: AtomicBool::new(false),
            attended: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        }
    }

    /// Whether no step is under way. A thread that waits in the middle of one may be given another one to compute.
    fn is_free(&self) -> bool {
        self.half.is_empty() && self.aside.is_empty()
    }

    fn assist<R, S: Send>(&self, step: impl FnOnce() -> R, meanwhile: impl FnOnce() -> S + Send) -> (R, S) {
        let waiting = Mutex::new(Some(meanwhile));
        let computed = Mutex::new(None);
        let compute = || {
            let meanwhile = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(meanwhile) = meanwhile {
                let value = meanwhile();
                *computed.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            }
        };
        let posted = self.aside.post(&compute);
        let output = step();
        self.finish(posted, &compute);
        let value = computed.into_inner().unwrap_or_else(PoisonError::into_inner);
        (output, value.expect("it was computed by the helper or just now"))
    }

    /// Computes one half here and the other by the helper, or here as well if none takes it.
    fn share(&self, own: impl FnOnce(), other: &(dyn Fn() + Sync)) {
        let posted = self.half.post(other);
        own();
        self.finish(posted, other);
    }

    /// Has a task computed: here unless the helper took it.
    fn finish(&self, posted: Posted<'_>, task: &(dyn Fn() + Sync)) {
        if posted.take_back() {
            task();
        }
        drop(posted);
        assert!(!self.failed.load(Ordering::Acquire), "what the second thread computed panicked");
    }

    /// Computes what is posted until the desk is closed.
    fn serve(&self) {
        // In the middle of a step of its own, a thread that waits must not begin to wait for another one's end.
        if !DESK.get().is_null() {
            return;
        }
        self.attended.store(true, Ordering::Release);
        let mut turns = 0;
        loop {
            if self.compute(&self.half) {
                self.compute(&self.aside);
                turns = 0;
            } else if self.closed.load(Ordering::Acquire) {
                return;
            } else if turns < PATIENCE {
                turns += 1;
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Computes what lies in a tray; `false` if nothing does.
    fn compute(&self, tray: &Tray) -> bool {
        if tray.state.load(Ordering::Relaxed) != POSTED || !tray.change(POSTED, TAKEN) {
            return false;
        }
        // SAFETY: TAKEN gives the task to this thread until it says DONE.
        let task = unsafe { (*tray.task.get()).map(|task| &*task) };
        if let Some(task) = task
            && catch_unwind(AssertUnwindSafe(task)).is_err()
        {
            self.failed.store(true, Ordering::Release);
        }
        tray.state.store(DONE, Ordering::Release);
        true
    }
}

impl Tray {
    fn new() -> Self {
        Self { state: AtomicU8::new(EMPTY), task: UnsafeCell::new(None) }
    }

    /// As its own thread sees it, which alone fills it.
    fn is_empty(&self) -> bool {
        self.state.load(Ordering::Relaxed) == EMPTY
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Lays a task into the empty tray.
    fn post<'a>(&'a self, task: &'a (dyn Fn() + Sync)) -> Posted<'a> {
        // SAFETY: only the lifetime is left out. `Posted` ends the task's life before what it borrows ends.
        let task = unsafe { std::mem::transmute::<&(dyn Fn() + Sync), &'static (dyn Fn() + Sync)>(task) };
        assert!(self.is_empty(), "one task at a time");
        // SAFETY: the state is EMPTY, in which the helper does not look at it.
        unsafe { *self.task.get() = Some(task) };
        self.state.store(POSTED, Ordering::Release);
        Posted(self)
    }
}

/// A task in a tray, which must not outlive what it borrows.
struct Posted<'a>(&'a Tray);

impl Posted<'_> {
    /// Whether the helper did not take it, and will not.
    fn take_back(&self) -> bool {
        self.0.change(POSTED, EMPTY)
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
    fn a_helper_serves_one_step_after_another() {
        for (threads, expected) in [(1, 1), (2, 2)] {
            let meanwhile = AtomicU32::new(0);
            let steps: Vec<_> = on_threads(threads, || {
                attended(|| {
                    let step =
                        |index| assisted(|| counts(4, 1), || meanwhile.fetch_add(index, Ordering::Relaxed)).0;
                    (0..4).map(step).collect()
                })
            });
            assert!(steps.iter().all(|(counts, _)| counts == &[1; 4]));
            // On a machine with other work, the helper may miss some.
            assert_eq!(steps.iter().map(|&(_, threads)| threads).max(), Some(expected));
            assert_eq!(meanwhile.into_inner(), 1 + 2 + 3);
        }
    }

    #[test]
    fn a_step_in_the_middle_of_another_has_a_desk_of_its_own() {
        let inner = || assisted(|| counts(4, 1), || 5);
        let (outer, meanwhile) = on_threads(2, || attended(|| assisted(inner, || 7)));
        assert_eq!((outer.0.0, outer.1, meanwhile), (vec![1; 4], 5, 7));
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
