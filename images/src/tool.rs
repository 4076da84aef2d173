//! Running the clients that fetch, unpack and compile.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;

/// How many of the last lines of a failed command's output are shown.
const SHOWN_LINES: usize = 12;

/// A command about to be run: no input, output kept, messages in English (they are searched and shown).
pub(crate) struct Tool {
    name: String,
    command: Command,
    advice: String,
}

impl Tool {
    /// The command `name`, to be run in the folder `directory`.
    pub(crate) fn new(name: &str, directory: &Path) -> Tool {
        let mut command = Command::new(name);
        command.current_dir(directory).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
        Tool { name: name.to_owned(), command, advice: String::new() }
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Tool {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Tool {
        self.command.args(arguments);
        self
    }

    /// What the user is told to do should the command fail.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Tool {
        self.advice = advice.into();
        self
    }

    /// Runs the command to its end; gives its standard output.
    pub(crate) fn run(mut self) -> Result<String, Error> {
        let output = self.command.output().map_err(|source| match source.kind() {
            ErrorKind::NotFound => Error::ToolMissing { tool: self.name.clone(), advice: how_to_install(&self.name) },
            _ => Error::Io { action: "run", path: self.name.clone().into(), source },
        })?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(stdout);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said = if stderr.trim().is_empty() { stdout.as_str() } else { stderr.as_ref() };
        if said.contains("No module named pip") {
            return Err(Error::ToolMissing { tool: "python3 -m pip".to_owned(), advice: how_to_install("pip") });
        }
        Err(Error::ToolFailed {
            command: self.shown(),
            status: output.status.to_string(),
            output: last_lines(said),
            advice: self.advice,
        })
    }

    /// The command as a person would type it.
    fn shown(&self) -> String {
        let arguments = self.command.get_args().map(|argument| argument.to_string_lossy().into_owned());
        [self.name.clone()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(SHOWN_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// How a user gets a command, by the Debian package that has it.
fn how_to_install(tool: &str) -> &'static str {
    match tool {
        "apt-get" | "dpkg-deb" => "recipes of Debian packages need Debian, Ubuntu or a relative",
        "dpkg-source" => "install it, on Debian with `apt-get install dpkg-dev`",
        "npm" => "install it, on Debian with `apt-get install npm`",
        "python3" => "install it, on Debian with `apt-get install python3 python3-pip`",
        "pip" => "install it, on Debian with `apt-get install python3-pip`",
        "cc" | "gcc" => "install a C compiler, on Debian with `apt-get install gcc libc6-dev`",
        "musl-gcc" => "install it, on Debian with `apt-get install musl-tools`",
        _ => "install it and try again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named_with_how_to_get_it() {
        let error = Tool::new("birgus-no-such-tool", Path::new("/")).run().unwrap_err();
        assert!(matches!(&error, Error::ToolMissing { tool, .. } if tool == "birgus-no-such-tool"), "{error}");
        assert!(how_to_install("musl-gcc").contains("musl-tools"));
    }

    #[test]
    fn a_failure_shows_the_command_its_last_words_and_the_advice() {
        let script = "for n in $(seq 99); do echo line $n >&2; done; exit 3";
        let error = Tool::new("sh", Path::new("/")).args(["-c", script]).advice("Do this.").run().unwrap_err();
        let text = error.to_string();
        for part in ["sh -c for", "exit status: 3", "    line 99", "    line 88", "\n  Do this."] {
            assert!(text.contains(part), "{part} not in:\n{text}");
        }
        assert!(!text.contains("line 87"), "{text}");
    }

    #[test]
    fn a_python_without_pip_is_told_apart() {
        let script = "echo '/usr/bin/python3: No module named pip' >&2; exit 1";
        let error = Tool::new("sh", Path::new("/")).args(["-c", script]).run().unwrap_err();
        assert!(error.to_string().contains("apt-get install python3-pip"), "{error}");
    }

    #[test]
    fn output_is_returned() {
        assert_eq!(Tool::new("echo", Path::new("/")).arg("hi").run().unwrap(), "hi\n");
    }
}
