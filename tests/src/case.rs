//! A guest test, as data.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::machines::{self, Machine};
use crate::outcome::{Ending, Outcome, Stderr};

/// One run of one program.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) program: Program,
    pub(crate) arguments: Vec<OsString>,
    /// The variables beside those that every program gets.
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) stdin: Vec<u8>,
    /// Files that are in the working directory, by their paths in it.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Programs that are there, too.
    pub(crate) companions: Vec<(String, Program)>,
    pub(crate) expected: Expected,
    pub(crate) stderr: Stderr,
    pub(crate) machine: Machine,
    /// More options of the tool.
    pub(crate) options: Vec<String>,
    /// Whether it is left for `--full`.
    pub(crate) full: bool,
}

/// What is run.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// `programs/NAME.c`.
    Compiled(String),
    /// `images/NAME`.
    Recipe(&'static str),
    /// A file of this host.
    Host(PathBuf),
}

/// What the guest should do.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// What this host's Linux does.
    AsOnThisHost,
    /// This.
    Fixed(Outcome),
}

impl Case {
    /// A run without arguments, files or input, on the default machine, to be as on this host.
    pub(crate) fn new(name: impl Into<String>, program: Program) -> Self {
        Self {
            name: name.into(),
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            stdin: Vec::new(),
            files: Vec::new(),
            companions: Vec::new(),
            expected: Expected::AsOnThisHost,
            stderr: Stderr::Same,
            machine: machines::DEFAULT,
            options: Vec::new(),
            full: false,
        }
    }

    pub(crate) fn arguments<T: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub(crate) fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into()));
        self
    }

    pub(crate) fn stderr(mut self, stderr: Stderr) -> Self {
        self.stderr = stderr;
        self
    }

    pub(crate) fn options<T: Into<String>>(mut self, options: impl IntoIterator<Item = T>) -> Self {
        self.options = options.into_iter().map(Into::into).collect();
        self
    }

    /// Puts another program into the working directory.
    pub(crate) fn companion(mut self, path: &str, program: Program) -> Self {
        self.companions.push((path.to_owned(), program));
        self
    }

    pub(crate) fn on(mut self, machine: Machine) -> Self {
        self.machine = machine;
        self
    }

    pub(crate) fn only_full(mut self, full: bool) -> Self {
        self.full = full;
        self
    }

    /// Expects this exit code and nothing on standard output; standard error is for a person.
    pub(crate) fn refused(mut self, code: i32) -> Self {
        let outcome = Outcome { stdout: Vec::new(), stderr: Vec::new(), ending: Ending::Code(code) };
        (self.expected, self.stderr) = (Expected::Fixed(outcome), Stderr::Any);
        self
    }
}
