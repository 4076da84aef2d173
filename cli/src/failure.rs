//! Why the tool could not do what it was asked for, and what helps.

use std::fmt;

/// Exit code: the tool or the machine failed, as with `env` and `timeout`.
pub(crate) const TOOL_FAILED: u8 = birgus_syscalls::wire::FAILURE_EXIT_CODE;
/// Exit code: the program is there but cannot be run, as in a shell.
pub(crate) const NOT_RUNNABLE: u8 = 126;
/// Exit code: there is no such program, as in a shell.
pub(crate) const NOT_FOUND: u8 = 127;
/// Exit code: the time given by `--timeout` is over, as with `timeout(1)`.
pub(crate) const TIMED_OUT: u8 = 124;

/// A failure as the user reads it.
#[derive(Debug)]
pub(crate) struct Failure {
    exit_code: u8,
    message: String,
    mend: Option<String>,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The tool or the machine failed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { exit_code: TOOL_FAILED, message: message.into(), mend: None }
    }

    /// The program cannot be run.
    pub(crate) fn not_runnable(message: impl Into<String>) -> Self {
        Self { exit_code: NOT_RUNNABLE, ..Self::new(message) }
    }

    /// There is no such program.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { exit_code: NOT_FOUND, ..Self::new(message) }
    }

    /// Says what to do about it.
    pub(crate) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    pub(crate) fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "birgus: error: {}", self.message)?;
        match &self.mend {
            Some(mend) => write!(f, "\nbirgus: try: {mend}"),
            None => Ok(()),
        }
    }
}

/// Turns an error into a failure of the tool that begins with what was being done.
pub(crate) trait Context<T> {
    fn context(self, doing: impl fmt::Display) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Failure::new(format!("{doing}: {error}")))
    }
}
