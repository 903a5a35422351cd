//! `klsweep status`: which members of a run are finished, running, waiting or failed.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use record::{MemberDir, MemberId, Owner, ProcessRecord, RunConfig, RunDir};
use serde::Serialize;

use crate::checkpoint;

/// Where a run stands.
#[derive(Serialize)]
pub struct RunStatus {
    epochs: usize,
    members: Vec<MemberStatus>,
    /// Those that are at work.
    processes: Vec<ProcessRecord>,
}

#[derive(Serialize)]
struct MemberStatus {
    c: f64,
    seed: u64,
    state: State,
    /// Finished epochs.
    epoch: usize,
    /// Who trains it.
    owner: Option<Owner>,
    /// How many seconds of training are left, by what its epochs took up to the last checkpoint, or those of the members
    /// that are finished.
    seconds_left: Option<f64>,
    /// Why it failed.
    message: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Finished,
    Running,
    Waiting,
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Finished, Self::Running, Self::Waiting, Self::Failed];

    fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
        }
    }
}

impl RunStatus {
    /// Of the run in a directory, as far as can be seen at once.
    pub fn read(path: &Path) -> Result<Self> {
        let dir = RunDir::open(path)?;
        let config = dir.config()?;
        let mut finished_seconds = Vec::new();
        let mut members = Vec::new();
        for id in config.members() {
            let member = dir.member(id);
            let status = of_member(&dir, &member, &config, &mut finished_seconds);
            // What is wrong with one member does not hide the others.
            members.push(status.unwrap_or_else(|error| failed(id, format!("{error:#}"))));
        }
        let mean = finished_seconds.iter().sum::<f64>() / finished_seconds.len() as f64;
        for member in &mut members {
            if matches!(member.state, State::Running | State::Waiting) && mean.is_finite() {
                member.seconds_left.get_or_insert(mean);
            }
        }
        let at_work = dir.processes()?.into_iter().filter(|(_, at_work)| *at_work);
        Ok(Self { epochs: config.epochs, members, processes: at_work.map(|(process, _)| process).collect() })
    }

    /// As a table for people.
    pub fn table(&self) -> String {
        let mut table = format!("{:<20} {:<9} {:>11}  {:>9}  \n", "member", "state", "epochs", "left");
        for member in &self.members {
            let MemberStatus { c, seed, state, epoch, owner, seconds_left, message } = member;
            let id = MemberId { kl_coefficient: *c, seed: *seed };
            let left = seconds_left.map(duration).unwrap_or_default();
            let note = match (owner, message) {
                (Some(owner), _) => owner.to_string(),
                (None, message) => message.clone().unwrap_or_default(),
            };
            let epochs = format!("{epoch}/{}", self.epochs);
            // Writing to a text cannot fail.
            let _ =
                writeln!(table, "{:<20} {:<9} {epochs:>11}  {left:>9}  {note}", id.to_string(), state.name());
        }
        let count = |state: State| self.members.iter().filter(|member| member.state == state).count();
        let counts = State::ALL.map(|state| format!("{} {}", count(state), state.name())).join(", ");
        let _ = writeln!(
            table,
            "\n{} members: {counts}; processes at work: {}",
            self.members.len(),
            self.processes.len()
        );
        table
    }
}

fn of_member(
    dir: &RunDir,
    member: &MemberDir,
    config: &RunConfig,
    finished_seconds: &mut Vec<f64>,
) -> Result<MemberStatus> {
    let MemberId { kl_coefficient: c, seed } = member.id();
    let none = MemberStatus {
        owner: None,
        seconds_left: None,
        message: None,
        c,
        seed,
        state: State::Waiting,
        epoch: 0,
    };
    if let Some(result) = member.result()? {
        finished_seconds.extend(result.seconds);
        return Ok(MemberStatus { state: State::Finished, epoch: result.epochs, ..none });
    }
    let owner = dir.owner(member.id())?;
    if let (None, Some(failure)) = (&owner, member.failure()?) {
        return Ok(MemberStatus { epoch: member.history()?.len(), ..failed(member.id(), failure.message) });
    }
    let state = if owner.is_some() { State::Running } else { State::Waiting };
    let epoch = member.history()?.len();
    let pace = checkpoint::position(member).filter(|position| position.epoch > 0);
    let seconds_left = pace.map(|position| {
        position.seconds / position.epoch as f64 * (config.epochs - position.epoch.min(config.epochs)) as f64
    });
    Ok(MemberStatus { owner, state, epoch, seconds_left, ..none })
}

fn failed(id: MemberId, message: String) -> MemberStatus {
    let MemberId { kl_coefficient: c, seed } = id;
    MemberStatus {
        c,
        seed,
        state: State::Failed,
        epoch: 0,
        owner: None,
        seconds_left: None,
        message: Some(message),
    }
}

fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        let said = [59.6, 119.0, 600.0, 9000.0].map(duration);
        assert_eq!(said, ["60 s", "119 s", "10 min", "2 h 30 min"]);
    }
}
