//! Which process works in which directory of a run: one at a time, be it on one machine or on many that share a folder.
//!
//! Where the file system has locks, the system's own lock of the file `lock` decides, and ends with its process. Some shared
//! folders refuse locks. There a file `owner.N.json` decides, which names the process and holds a counter that its owner
//! raises: whoever creates the file of the next number, which only one can, has taken the directory over. That is allowed
//! where the owner has released it, where its counter has stood still for so long that it must be gone, by the clock of
//! whoever waits and no time of day, or where a person says so. An owner that was only suspended finds the higher number when
//! it wakes, and writes no more. Both are kept everywhere, so that a machine with locks and one without see each other.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::error::{RecordError, Result};
use crate::files::new_file_builder;
use crate::run_record::now;

/// How often an owner raises its counter.
const BEAT: Duration = Duration::from_secs(10);

/// How long a counter has to stand still before its owner is held to be gone.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a process waits before it looks again.
const PAUSE: Duration = Duration::from_millis(20);

/// How often a lock is tried that is taken: whoever only looks at it holds it for a moment.
const TRIES: usize = 3;

/// A process that works on a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The name of its machine.
    pub host: String,
    /// Its number there.
    pub process: u32,
    /// The job of a scheduler that it belongs to.
    #[serde(default)]
    pub job: Option<String>,
    /// Since when it has the directory, RFC 3339.
    pub since: String,
    /// Rises while the owner lives.
    #[serde(default)]
    counter: u64,
    /// Whether it also holds the lock of the file system.
    #[serde(default)]
    locks: bool,
    /// Whether a process without locks may have had the directory before, and may wake up to look whether it still has.
    #[serde(default)]
    after_lockless: bool,
    #[serde(default)]
    released: bool,
}

impl Owner {
    /// This process, as from now.
    pub(crate) fn this_process() -> Self {
        Self::new(false, false)
    }

    fn new(locks: bool, after_lockless: bool) -> Self {
        Self {
            host: gethostname::gethostname().to_string_lossy().into_owned(),
            process: std::process::id(),
            job: job(),
            since: now(),
            counter: 0,
            locks,
            after_lockless,
            released: false,
        }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, process, job, since, .. } = self;
        write!(f, "process {process} on {host}")?;
        if let Some(job) = job {
            write!(f, " of {job}")?;
        }
        write!(f, ", since {since}")
    }
}

/// The job of a scheduler that this process belongs to.
fn job() -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let of_slurm = || {
        let job = variable("SLURM_ARRAY_JOB_ID").or_else(|| variable("SLURM_JOB_ID"))?;
        Some(format!("Slurm job {job}") + &part(variable("SLURM_ARRAY_TASK_ID")))
    };
    let of_hyperqueue =
        || Some(format!("HyperQueue job {}", variable("HQ_JOB_ID")?) + &part(variable("HQ_TASK_ID")));
    let of_kubernetes = || Some(format!("Kubernetes index {}", variable("JOB_COMPLETION_INDEX")?));
    of_slurm().or_else(of_hyperqueue).or_else(of_kubernetes)
}

fn part(task: Option<String>) -> String {
    task.map(|task| format!(", task {task}")).unwrap_or_default()
}

/// What a process works on.
pub struct Claims {
    /// Whether whoever is found in a directory at first is held to be gone, unless a lock says otherwise.
    take_over: bool,
    patience: Duration,
    /// Counters of others, and when each was first seen to be what it is.
    seen: Mutex<HashMap<PathBuf, Seen>>,
    held: Arc<Mutex<HashMap<PathBuf, Held>>>,
    beat: Duration,
    try_lock: TryLock,
    /// Ends the thread that raises the counters when it is dropped.
    heart: Mutex<Option<Sender<()>>>,
}

type TryLock = fn(&File) -> Result<(), TryLockError>;

struct Seen {
    generation: u64,
    counter: Option<u64>,
    first: Instant,
    /// Whether the counter rose since this process first looked.
    rose: bool,
}

/// What the counter of an owner tells: that it is gone, that it lives, or nothing yet.
struct Standing {
    gone: bool,
    alive: bool,
}

struct Held {
    generation: u64,
    owner: Owner,
}

/// What became of an attempt to take a directory.
pub enum Taken {
    /// It is this process's until the claim is dropped.
    Ours(Claim),
    /// Another process has it.
    Theirs {
        /// That process, where its file could be read.
        owner: Option<Owner>,
        /// Whether it is known to live. If not, a later attempt will tell: after two minutes at most.
        alive: bool,
    },
}

/// A directory that this process has taken.
pub struct Claim {
    dir: PathBuf,
    generation: u64,
    held: Arc<Mutex<HashMap<PathBuf, Held>>>,
    /// The lock of the file system, where it has some.
    lock: Option<File>,
}

impl Claims {
    /// None yet; `take_over` if a person says that whoever is found in a directory without a lock is gone.
    pub fn new(take_over: bool) -> Self {
        Self {
            take_over,
            beat: BEAT,
            patience: PATIENCE,
            try_lock: File::try_lock,
            seen: Mutex::default(),
            held: Arc::default(),
            heart: Mutex::new(None),
        }
    }

    /// Tries to take a directory, which exists.
    pub fn take(&self, dir: &Path) -> Result<Taken> {
        let lock = match lock(dir, self.try_lock)? {
            Lock::Held(file) => Some(file),
            Lock::Refused => None,
            Lock::Busy => return Ok(Taken::Theirs { owner: last_owner(dir)?.owner, alive: true }),
        };
        let last = last_owner(dir)?;
        if last.is_at_work() {
            // Whoever had the lock would have it still.
            let gone = lock.is_some() && last.owner.as_ref().is_some_and(|owner| owner.locks);
            let Standing { gone, alive } =
                if gone { Standing { gone, alive: false } } else { self.look_at(dir, &last) };
            if !gone {
                return Ok(Taken::Theirs { owner: last.owner, alive });
            }
        }
        let held = Held {
            generation: last.generation + 1,
            owner: Owner::new(lock.is_some(), last.may_be_lockless()),
        };
        match held.owner.create(dir, held.generation) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Ok(Taken::Theirs { owner: None, alive: false });
            }
            result => result.map_err(RecordError::io("claim", dir))?,
        }
        // Whoever was faster by more than one number has it.
        let now = last_owner(dir)?;
        if now.generation > held.generation {
            remove(&owner_path(dir, held.generation))?;
            return Ok(Taken::Theirs { owner: now.owner, alive: false });
        }
        for older in generations(dir)?.into_iter().filter(|&older| older < held.generation) {
            remove(&owner_path(dir, older))?;
        }
        let claim =
            Claim { dir: dir.to_path_buf(), generation: held.generation, held: self.held.clone(), lock };
        guard(&self.held).insert(dir.to_path_buf(), held);
        self.start_heart()?;
        Ok(Taken::Ours(claim))
    }

    /// Waits until the directory is free, and takes it.
    pub fn wait(&self, dir: &Path) -> Result<Claim> {
        loop {
            match self.take(dir)? {
                Taken::Ours(claim) => return Ok(claim),
                Taken::Theirs { .. } => thread::sleep(PAUSE),
            }
        }
    }

    fn look_at(&self, dir: &Path, last: &LastOwner) -> Standing {
        let mut seen = guard(&self.seen);
        let counter = last.owner.as_ref().map(|owner| owner.counter);
        let new = |rose| Seen { generation: last.generation, counter, first: Instant::now(), rose };
        let Some(seen) = seen.get_mut(dir) else {
            seen.insert(dir.to_path_buf(), new(false));
            return Standing { gone: self.take_over, alive: false };
        };
        if (seen.generation, seen.counter) != (last.generation, counter) {
            *seen = new(true);
        }
        Standing { gone: seen.first.elapsed() >= self.patience, alive: seen.rose }
    }

    fn start_heart(&self) -> Result<()> {
        let mut heart = guard(&self.heart);
        if heart.is_none() {
            let (stop, stopped) = channel();
            let (held, beat) = (self.held.clone(), self.beat);
            let work = move || {
                while stopped.recv_timeout(beat) == Err(RecvTimeoutError::Timeout) {
                    for (dir, Held { generation, owner }) in guard(&held).iter_mut() {
                        owner.counter += 1;
                        // Where it cannot be written, it stands still, as it should.
                        let _ = owner.replace(dir, *generation);
                    }
                }
            };
            let thread = thread::Builder::new().name("heartbeat".to_string()).spawn(work);
            thread.map_err(RecordError::io("start a thread for the claims in", Path::new(".")))?;
            *heart = Some(stop);
        }
        Ok(())
    }
}

impl Claim {
    /// Fails if another process has taken the directory over, as it may if this one was suspended.
    pub fn check(&self) -> Result<()> {
        let LastOwner { generation, owner } = last_owner(&self.dir)?;
        if generation <= self.generation {
            return Ok(());
        }
        let owner = owner.map_or("another process".to_string(), |owner| owner.to_string());
        Err(RecordError::TakenOver { dir: self.dir.clone(), owner })
    }
}

impl Drop for Claim {
    /// Where all had the lock, the file of the owner can go. Else it stays: only a number that is never used again tells who was
    /// first.
    fn drop(&mut self) {
        let mut held = guard(&self.held);
        if held.get(&self.dir).is_none_or(|held| held.generation != self.generation) {
            return;
        }
        let Some(Held { generation, mut owner }) = held.remove(&self.dir) else { return };
        owner.released = true;
        let _ = match self.lock {
            Some(_) if !owner.after_lockless => remove(&owner_path(&self.dir, generation)),
            _ => owner.replace(&self.dir, generation).map_err(RecordError::io("release", &self.dir)),
        };
    }
}

impl Owner {
    /// Writes the file of a number, which nobody may have written before.
    fn create(&self, dir: &Path, generation: u64) -> io::Result<()> {
        let path = owner_path(dir, generation);
        match self.temporary(dir)?.persist_noclobber(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(error.error),
            // Of a file system that can neither link nor rename to a free name alone. Until its content is there, the file
            // is of an owner that is not known.
            Err(_) => {
                OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(&self.to_json()?)
            }
        }
    }

    fn replace(&self, dir: &Path, generation: u64) -> io::Result<()> {
        self.temporary(dir)?.persist(owner_path(dir, generation))?;
        Ok(())
    }

    /// Not synced to disk: after a power cut, nobody is the owner of anything.
    fn temporary(&self, dir: &Path) -> io::Result<NamedTempFile> {
        let mut file = new_file_builder().prefix(".owner").suffix(".tmp").tempfile_in(dir)?;
        file.write_all(&self.to_json()?)?;
        Ok(file)
    }

    fn to_json(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }
}

/// Whoever works in a directory, as far as can be seen without waiting; `None` if nobody does.
pub(crate) fn owner(dir: &Path) -> Result<Option<Owner>> {
    let Some(owner) = last_owner(dir)?.owner.filter(|owner| !owner.released) else { return Ok(None) };
    let gone = owner.locks && matches!(lock(dir, File::try_lock_shared)?, Lock::Held(_));
    Ok((!gone).then_some(owner))
}

enum Lock {
    Held(File),
    Busy,
    Refused,
}

/// Tries the lock of a directory, exclusively or only to see whether somebody has it.
fn lock(dir: &Path, try_lock: TryLock) -> Result<Lock> {
    let path = dir.join("lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(RecordError::io("write", &path))?;
    for attempt in 1.. {
        match try_lock(&file) {
            Ok(()) => return Ok(Lock::Held(file)),
            Err(TryLockError::WouldBlock) if attempt < TRIES => thread::sleep(PAUSE / 4),
            Err(TryLockError::WouldBlock) => return Ok(Lock::Busy),
            // Each file system has another error for it.
            Err(TryLockError::Error(_)) => return Ok(Lock::Refused),
        }
    }
    unreachable!("the attempts end")
}

fn owner_path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(format!("owner.{generation}.json"))
}

/// The numbers of the owners' files in a directory.
fn generations(dir: &Path) -> Result<Vec<u64>> {
    let number = |name: &str| name.strip_prefix("owner.")?.strip_suffix(".json")?.parse::<u64>().ok();
    let read = || -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            found.extend(number(&entry?.file_name().to_string_lossy()));
        }
        Ok(found)
    };
    read().map_err(RecordError::io("read", dir))
}

/// The owner's file of the highest number in a directory.
struct LastOwner {
    /// 0 if there is none.
    generation: u64,
    /// What is in it; `None` while its owner writes it.
    owner: Option<Owner>,
}

impl LastOwner {
    /// Whether it, or one before it, had no lock, as far as is known.
    fn may_be_lockless(&self) -> bool {
        self.generation > 0 && self.owner.as_ref().is_none_or(|owner| !owner.locks || owner.after_lockless)
    }

    fn is_at_work(&self) -> bool {
        self.owner.as_ref().map_or(self.generation > 0, |owner| !owner.released)
    }
}

fn last_owner(dir: &Path) -> Result<LastOwner> {
    let generation = generations(dir)?.into_iter().max().unwrap_or(0);
    let json = fs::read(owner_path(dir, generation)).ok();
    Ok(LastOwner { generation, owner: json.and_then(|json| serde_json::from_slice(&json).ok()) })
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(RecordError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const SHORT: Duration = Duration::from_millis(20);

    /// Claims of a process on a file system with locks or without; two of them stand for two processes.
    fn claims(locks: bool) -> Claims {
        let refused = |_: &File| Err(TryLockError::Error(ErrorKind::Unsupported.into()));
        let try_lock = if locks { File::try_lock } else { refused };
        Claims { beat: SHORT, patience: 20 * SHORT, try_lock, ..Claims::new(false) }
    }

    fn ours(taken: Result<Taken>) -> Option<Claim> {
        match taken.unwrap() {
            Taken::Ours(claim) => Some(claim),
            Taken::Theirs { .. } => None,
        }
    }

    /// Ends the process of some claims: its locks are gone, its counters stand still, its files stay.
    fn kill(claims: Claims, claim: Claim) {
        guard(&claims.held).clear();
        drop((claims, claim));
    }

    #[test]
    fn a_directory_is_one_processs_until_that_gives_it_back() {
        for locks in [[true, true], [false, false], [true, false], [false, true]] {
            let dir = TempDir::new().unwrap();
            let [one, two] = locks.map(claims);
            let claim = ours(one.take(dir.path())).expect("nobody has it");
            let begun = Instant::now();
            while begun.elapsed() < 2 * one.patience {
                assert!(ours(two.take(dir.path())).is_none(), "{locks:?}");
                thread::sleep(SHORT);
            }
            claim.check().unwrap();
            let Taken::Theirs { owner, alive } = two.take(dir.path()).unwrap() else { panic!("it is taken") };
            assert!(alive && owner.is_some_and(|owner| owner.process == std::process::id()), "{locks:?}");
            assert!(owner_of(dir.path()), "{locks:?}");
            drop(claim);
            assert!(!owner_of(dir.path()), "{locks:?}");
            let claim = ours(two.take(dir.path())).expect("it was given back");
            assert!(ours(one.take(dir.path())).is_none(), "{locks:?}");
            drop(claim);
        }
    }

    fn owner_of(dir: &Path) -> bool {
        owner(dir).unwrap().is_some()
    }

    #[test]
    fn the_lock_of_a_killed_process_is_free_at_once_and_a_counter_when_it_stood_still() {
        let dir = TempDir::new().unwrap();
        let one = claims(true);
        let claim = ours(one.take(dir.path())).expect("nobody has it");
        kill(one, claim);
        assert!(!owner_of(dir.path()));
        let two = claims(true);
        let claim = ours(two.take(dir.path())).expect("its owner is dead");
        kill(two, claim);

        let three = claims(false);
        let begun = Instant::now();
        let claim = three.wait(dir.path()).unwrap();
        assert!(begun.elapsed() >= three.patience);
        kill(three, claim);
        let four = Claims { take_over: true, ..claims(false) };
        assert!(ours(four.take(dir.path())).is_some(), "a person said so");
    }

    #[test]
    fn a_person_can_say_only_of_whom_is_found_first_that_it_is_gone() {
        let dir = TempDir::new().unwrap();
        let [one, two] = [false, false].map(claims);
        let two = Claims { take_over: true, ..two };
        let first = ours(one.take(dir.path())).expect("nobody has it");
        drop(ours(two.take(dir.path())).expect("a person said so"));
        first.check().unwrap_err();
        let _again = ours(one.take(dir.path())).expect("it was given back");
        assert!(ours(two.take(dir.path())).is_none());
    }

    #[test]
    fn whoever_was_suspended_learns_that_it_was_taken_over() {
        let dir = TempDir::new().unwrap();
        let [one, two] = [false, false].map(claims);
        let suspended = ours(one.take(dir.path())).expect("nobody has it");
        guard(&one.held).clear();
        let _claim = two.wait(dir.path()).unwrap();
        let error = suspended.check().unwrap_err().to_string();
        assert!(error.contains("was taken over by process"), "{error}");
    }

    #[test]
    fn whoever_was_suspended_without_locks_learns_of_those_with_locks_that_came_and_went() {
        let dir = TempDir::new().unwrap();
        let one = claims(false);
        let suspended = ours(one.take(dir.path())).expect("nobody has it");
        let with_locks = |take_over| Claims { take_over, ..claims(true) };
        let two = with_locks(true);
        let claim = ours(two.take(dir.path())).expect("a person said so");
        suspended.check().unwrap_err();
        drop(claim);
        suspended.check().unwrap_err();
        for _ in 0..2 {
            let next = with_locks(false);
            let claim = ours(next.take(dir.path())).expect("it was given back");
            // Its own counter goes on meanwhile.
            thread::sleep(3 * SHORT);
            suspended.check().unwrap_err();
            drop(claim);
            suspended.check().unwrap_err();
        }
        let killed = with_locks(false);
        let claim = ours(killed.take(dir.path())).expect("it was given back");
        kill(killed, claim);
        let next = with_locks(false);
        drop(ours(next.take(dir.path())).expect("its owner is dead"));
        suspended.check().unwrap_err();
        assert!(!owner_of(dir.path()));
    }

    #[test]
    fn with_locks_alone_no_owner_is_left_behind() {
        let dir = TempDir::new().unwrap();
        let one = claims(true);
        let claim = ours(one.take(dir.path())).expect("nobody has it");
        kill(one, claim);
        let two = claims(true);
        drop(ours(two.take(dir.path())).expect("its owner is dead"));
        assert!(generations(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn of_many_that_try_at_once_one_succeeds() {
        for locks in [true, false] {
            let dir = TempDir::new().unwrap();
            for _ in 0..20 {
                let all: Vec<Claims> = (0..8).map(|_| claims(locks)).collect();
                let taken: Vec<Option<Claim>> = thread::scope(|scope| {
                    let threads: Vec<_> =
                        all.iter().map(|claims| scope.spawn(|| ours(claims.take(dir.path())))).collect();
                    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
                });
                let won = taken.iter().flatten().count();
                assert!(won <= 1, "{won} have it");
                assert!(won == 1 || !owner_of(dir.path()));
            }
        }
    }
}
