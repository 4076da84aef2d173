//! The Birgus tool: starts a machine around one Linux program, and is that program's terminal and exit code.

mod accelerator;
mod analyze;
mod arguments;
mod cache;
mod clock;
mod doctor;
mod environment;
mod failure;
mod handover;
mod kernel_image;
mod libraries;
mod machine;
mod memory_file;
mod memory_size;
mod network;
mod patch_plan;
mod program;
mod rewrite;
mod root_archive;
mod run;
mod session;
mod syscalls;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::TOOL_FAILED;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing can be done when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { TOOL_FAILED } else { 0 });
        }
    };
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Analyze { program, json } => analyze::analyze(&program, json),
        Command::Rewrite { program, output } => rewrite::rewrite(&program, &output),
        Command::Doctor => Ok(doctor::examine()),
        Command::Syscalls { markdown } => Ok(syscalls::list(markdown)),
    };
    ExitCode::from(result.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit_code()
    }))
}
