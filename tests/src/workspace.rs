//! Where things are, and how they are built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::outcome::{Ending, Outcome};
use crate::process;
use crate::report::{Report, Verdict};

/// The kernel's target.
pub(crate) const KERNEL_TARGET: &str = "x86_64-unknown-none";

/// A build takes this long at most.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// The checkout and its target folder.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

/// What the guest tests need.
pub(crate) struct Built {
    /// The tool.
    pub(crate) tool: PathBuf,
    /// The kernel's ELF file.
    pub(crate) kernel: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace");
        // This program is TARGET-FOLDER/PROFILE/birgus-tests.
        let program = std::env::current_exe().expect("a process has a program");
        let target = program.ancestors().nth(2).expect("cargo put it into its target folder");
        Self { root: root.to_owned(), target: target.to_owned() }
    }

    /// Cargo in the workspace, as a person would call it: nothing of the cargo around this program.
    pub(crate) fn cargo(&self, words: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(&self.root)
            .args(words)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_TERM_COLOR", "never");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
                cargo.env_remove(name);
            }
        }
        cargo
    }

    /// Builds tool and kernel.
    pub(crate) fn build(&self, report: &Report) -> Option<Built> {
        let kernel_words = ["build", "-p", "birgus-kernel", "--profile", "kernel", "--target", KERNEL_TARGET];
        let builds = [("kernel", &kernel_words[..]), ("tool", &["build", "--release", "-p", "birgus"][..])];
        report.stage("build", builds.len());
        for (what, words) in builds {
            report.doing(&format!("building the {what}"));
            if let Err(why) = succeed(&mut self.cargo(words)) {
                report.note(&format!("build/{what}"), Verdict::Failed(why));
                return None;
            }
        }
        Some(Built {
            tool: self.target.join("release/birgus"),
            kernel: self.target.join(KERNEL_TARGET).join("kernel/birgus-kernel"),
        })
    }
}

/// Runs a command that must succeed.
///
/// # Errors
/// What it printed, when it does not.
pub(crate) fn succeed(command: &mut Command) -> Result<Outcome, String> {
    let outcome = process::run(command, b"", BUILD_LIMIT)?;
    match outcome.ending {
        Ending::Code(0) => Ok(outcome),
        ending => {
            let (stdout, stderr) = (String::from_utf8_lossy(&outcome.stdout), String::from_utf8_lossy(&outcome.stderr));
            Err(format!("{command:?}: {ending:?}\n{stdout}{stderr}"))
        }
    }
}
