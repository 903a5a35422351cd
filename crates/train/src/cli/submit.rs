//! `klsweep submit`: the file by which a scheduler trains a sweep with many processes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use record::RunConfig;

/// What starts the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Slurm,
    Kubernetes,
    Hyperqueue,
}

/// What a job asks for.
#[derive(Args, Debug)]
pub struct Job {
    /// The scheduler
    #[arg(long, value_enum)]
    engine: Engine,

    /// Processes that train at the same time; as many as there are members, if not given, and not more than 100
    #[arg(long, value_name = "N")]
    tasks: Option<usize>,

    /// Cores of each process
    #[arg(long, value_name = "N", default_value_t = 2)]
    cpus: usize,

    /// Memory of each process, in GiB
    #[arg(long, value_name = "GIB", default_value_t = 4)]
    memory: usize,

    /// Minutes that a process may run; one that is not done then is stopped, saved, and started again. HyperQueue has no
    /// such limit: there a process runs as long as its worker
    #[arg(long, value_name = "MINUTES", default_value_t = 240)]
    minutes: usize,

    /// Kubernetes: the image that holds klsweep
    #[arg(long, value_name = "IMAGE", required_if_eq("engine", "kubernetes"))]
    image: Option<String>,

    /// Kubernetes: the claim of the volume that holds the configuration and will hold the run
    #[arg(long, value_name = "CLAIM", required_if_eq("engine", "kubernetes"))]
    volume: Option<String>,

    /// Slurm: hand the file to sbatch instead of printing it
    #[arg(long)]
    go: bool,

    /// The configuration file
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
}

/// Processes of a job, at most, if nobody says how many.
const MOST_TASKS: usize = 100;

impl Job {
    /// Prints the file of the job, or submits it.
    ///
    /// # Errors
    ///
    /// Fails when the configuration cannot be read, or Slurm takes no jobs.
    pub fn run(&self) -> Result<()> {
        let config = RunConfig::load(&self.config, &[])?;
        ensure!(
            !self.go || self.engine == Engine::Slurm,
            "only Slurm's jobs can be submitted from here: leave out --go"
        );
        let file = self.file(&config)?;
        if !self.go {
            print!("{file}");
            return Ok(());
        }
        let mut sbatch = Command::new("sbatch");
        let mut child =
            sbatch.stdin(Stdio::piped()).spawn().context("cannot start sbatch: is Slurm installed here?")?;
        let mut input = child.stdin.take().context("sbatch has no input")?;
        std::io::Write::write_all(&mut input, file.as_bytes()).context("sbatch does not take the job")?;
        drop(input);
        ensure!(child.wait().context("sbatch did not end")?.success(), "sbatch refused the job");
        Ok(())
    }

    fn file(&self, config: &RunConfig) -> Result<String> {
        let members = config.members().len();
        let tasks = self.tasks.unwrap_or(members.min(MOST_TASKS)).clamp(1, members.max(1));
        let Self { cpus, memory, minutes, .. } = self;
        let name = name(&config.name);
        let path = quoted(&self.config)?;
        let train = format!("klsweep --config {path} --member auto --workers {cpus}");
        Ok(match self.engine {
            Engine::Slurm => format!(
                r#"#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
#SBATCH --mem={memory}G
#SBATCH --time={minutes}
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={name}-%A_%a.log
# Each task trains whatever member no other one has; the one that finishes the last member writes summary and report.
# `klsweep report` makes them at any time, `klsweep status` tells how far the tasks are.
{train} &
child=$!
trap 'kill -USR1 $child' USR1 TERM
# A signal ends `wait` before the program has saved.
while kill -0 $child 2>/dev/null; do wait $child; done
wait $child
code=$?
# 75: stopped and saved before the end of its time.
if [ $code = 75 ]; then scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"; fi
exit $code
"#,
                last = tasks - 1,
            ),
            Engine::Hyperqueue => format!(
                r#"#!/bin/bash
# Each task trains whatever member no other one has; the one that finishes the last member writes summary and report.
# 75: stopped and saved; HyperQueue itself starts tasks again whose worker was lost.
hq submit --name {name} --array 0-{last} --cpus {cpus} --crash-limit 20 -- \
    bash -c {script}
"#,
                last = tasks - 1,
                script = quoted(Path::new(&format!(
                    "while {train}; code=$?; [ $code = 75 ]; do :; done; exit $code"
                )))?,
            ),
            Engine::Kubernetes => {
                // Clap has seen to it that both are there.
                let (image, volume) = self.image.as_deref().zip(self.volume.as_deref()).unwrap_or_default();
                let path = self.config.to_str().with_context(|| not_utf8(&self.config))?;
                // Every JSON text is one of YAML.
                let [image, volume, path] = [image, volume, path].map(serde_json::Value::from);
                format!(
                    r#"# Each pod trains whatever member no other one has; the one that finishes the last member writes summary and report.
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  completionMode: Indexed
  completions: {tasks}
  parallelism: {tasks}
  backoffLimitPerIndex: 20
  podFailurePolicy:
    rules:
      # Bad input, and members that would fail again: once is enough.
      - action: FailIndex
        onExitCodes:
          operator: In
          values: [2, 3]
      # Stopped and saved, at the end of its time too, or the machine was taken away: no fault of the pod.
      - action: Ignore
        onExitCodes:
          operator: In
          values: [75]
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  template:
    spec:
      restartPolicy: Never
      activeDeadlineSeconds: {seconds}
      # To save, after SIGTERM.
      terminationGracePeriodSeconds: 120
      containers:
        - name: klsweep
          image: {image}
          workingDir: /work
          command: ["klsweep", "--config", {path}, "--member", "auto", "--workers", "{cpus}"]
          resources:
            requests:
              cpu: "{cpus}"
              memory: {memory}Gi
            limits:
              memory: {memory}Gi
          volumeMounts:
            - name: work
              mountPath: /work
      volumes:
        - name: work
          persistentVolumeClaim:
            claimName: {volume}
"#,
                    seconds = minutes * 60,
                )
            }
        })
    }
}

/// A name that every scheduler takes: at most 52 lower-case letters, digits and hyphens.
fn name(run: &str) -> String {
    let letters = run.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let name: String = "klsweep-".chars().chain(letters).take(52).collect();
    name.trim_end_matches('-').to_string()
}

/// A path as a word of the shell.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_str().with_context(|| not_utf8(path))?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

fn not_utf8(path: &Path) -> String {
    format!("{} is not UTF-8", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(engine: Engine, tasks: Option<usize>) -> Job {
        let [image, volume] = ["example.org/klsweep:1", "data"].map(|text| Some(text.to_string()));
        let config = PathBuf::from("it's.toml");
        Job { engine, tasks, cpus: 2, memory: 4, minutes: 60, image, volume, go: false, config }
    }

    fn config() -> RunConfig {
        RunConfig { name: "My sweep".into(), kl_coefficients: vec![0.0, 1.0, 2.0], ..RunConfig::default() }
    }

    #[test]
    fn there_are_no_more_tasks_than_members() {
        for (tasks, array) in [(None, "0-2"), (Some(2), "0-1"), (Some(9), "0-2")] {
            let file = job(Engine::Slurm, tasks).file(&config()).unwrap();
            assert!(file.contains(&format!("#SBATCH --array={array}\n")), "{file}");
            assert!(file.contains("--job-name=klsweep-my-sweep\n"), "{file}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_scripts_are_ones_of_bash_and_keep_the_name_of_the_file() {
        for engine in [Engine::Slurm, Engine::Hyperqueue] {
            let file = job(engine, None).file(&config()).unwrap();
            let checked = Command::new("bash").args(["-n", "-c", &file]).status().unwrap();
            assert!(checked.success(), "{file}");
        }
        let script = format!("printf %s {}", quoted(Path::new("it's")).unwrap());
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(output.stdout, b"it's");
    }
}
