//! The tool under measurement.

use std::env;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::Result;
use crate::in_front_of_qemu::{self, Notes, Wishes, now};

/// `birgus`.
pub(crate) struct Tool {
    path: PathBuf,
}

/// One run of a command to its end.
pub(crate) struct Run {
    /// When the command was started.
    pub(crate) started: Duration,
    /// When the first byte of its output was there.
    pub(crate) first_byte: Option<Duration>,
    pub(crate) output: String,
    pub(crate) errors: String,
    pub(crate) status: ExitStatus,
}

impl Tool {
    /// The tool of this path, or the one beside this program.
    pub(crate) fn new(path: Option<&Path>) -> Result<Self> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => env::current_exe()?.with_file_name("birgus"),
        };
        if !path.is_file() {
            return Err(format!("there is no {}; build it: cargo build --release -p birgus", path.display()).into());
        }
        Ok(Self { path })
    }

    /// `birgus run` with these words; the notes of what is in front of QEMU go to the folder.
    ///
    /// All machines are alike: translated, not run by the CPU, and ended after a minute.
    pub(crate) fn run<'a>(&self, words: &[&OsStr], folder: &'a Path, wishes: Wishes<'_>) -> Result<(Run, Notes<'a>)> {
        let mut command = Command::new(&self.path);
        command.args(["run", "--accel", "tcg", "--timeout", "1m"]).args(words);
        let notes = in_front_of_qemu::prepare(&mut command, folder, wishes)?;
        Ok((Run::of(&mut command)?, notes))
    }
}

impl Run {
    /// Runs a command and notes when its first byte came.
    pub(crate) fn of(command: &mut Command) -> Result<Self> {
        let started = now()?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
        let mut output = child.stdout.take().expect("it is piped");
        let mut letter = [0];
        let first_byte = if output.read(&mut letter)? == 1 { Some(now()?) } else { None };
        let mut bytes = Vec::from(&letter[..usize::from(first_byte.is_some())]);
        output.read_to_end(&mut bytes)?;
        // What they complain of fits into the pipe.
        let mut errors = String::new();
        child.stderr.take().expect("it is piped").read_to_string(&mut errors)?;
        let output = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self { started, first_byte, output, errors, status: child.wait()? })
    }

    /// This run, unless it ended badly or printed something else.
    pub(crate) fn expect(self, what: &str, output: Option<&str>) -> Result<Self> {
        if self.status.success() && output.is_none_or(|output| self.output == output) {
            return Ok(self);
        }
        Err(format!("{what}: {}; it printed {:?}, and as errors: {}", self.status, self.output, self.errors).into())
    }
}
