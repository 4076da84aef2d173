//! What the kernel is told about the program: everything that no command line could carry byte for byte.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use birgus_loader::handover::{Builder, Network, Terminal, WallClock};

use crate::environment::Environment;
use crate::failure::{Context, Result};
use crate::program::Program;

/// How much the kernel says with `-v`, and without: all, and warnings; numbered as Linux numbers `loglevel=`.
const LOG_ALL: u8 = 7;
const LOG_WARNINGS: u8 = 4;

/// A start of a program.
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Program,
    pub(crate) arguments: &'a [OsString],
    pub(crate) environment: &'a Environment,
    pub(crate) working_directory: Option<&'a Path>,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) tsc_khz: Option<u64>,
    pub(crate) trace: bool,
    pub(crate) verbose: bool,
    pub(crate) hostname: &'a str,
    pub(crate) network: Option<Network>,
}

/// The boot module that says so.
pub(crate) fn module(start: &Start<'_>) -> Result<Vec<u8>> {
    let mut builder = Builder::new();
    if start.program.file.is_none() {
        builder.program(&start.program.exec_name);
    }
    builder.exec_name(&start.program.exec_name).argument(start.program.name.as_bytes());
    for argument in start.arguments {
        builder.argument(argument.as_bytes());
    }
    for assignment in start.environment.assignments() {
        builder.environment(&assignment);
    }
    if let Some(directory) = start.working_directory {
        builder.working_directory(directory.as_os_str().as_bytes());
    }
    if let Some(terminal) = start.terminal {
        builder.terminal(terminal);
    }
    if let Some(khz) = start.tsc_khz.and_then(|khz| u32::try_from(khz).ok()) {
        builder.tsc_khz(khz);
    }
    if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
        builder.wall_clock(WallClock { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() });
    }
    builder
        .seed(&seed().context("cannot read /dev/urandom")?)
        .trace(start.trace)
        .log_level(if start.verbose { LOG_ALL } else { LOG_WARNINGS })
        .hostname(start.hostname.as_bytes());
    if let Some(network) = start.network {
        builder.network(network);
    }
    builder.finish().context("the program cannot be started like this")
}

fn seed() -> std::io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}
