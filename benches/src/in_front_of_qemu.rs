//! This program in QEMU's place: the tool starts it as `BIRGUS_QEMU`, it notes what is asked of QEMU and when, adds
//! options, and becomes QEMU.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::Result;

/// Names the folder for the notes; when it is set, this program is in QEMU's place.
const FOLDER: &str = "BIRGUS_BENCHES_FOLDER";
/// Names the QEMU to become.
const QEMU: &str = "BIRGUS_BENCHES_QEMU";
/// Options to add, a line each.
const OPTIONS: &str = "BIRGUS_BENCHES_OPTIONS";
/// Set when the kernel is wished for.
const KEEP_KERNEL: &str = "BIRGUS_BENCHES_KEEP_KERNEL";

/// The notes in the folder: when QEMU was started, its words, its kernel.
const TIME: &str = "qemu-time";
const WORDS: &str = "qemu-words";
const KERNEL: &str = "qemu-kernel";

/// What this program is to do beside noting.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes<'a> {
    /// Words to add to QEMU's.
    pub(crate) options: &'a [&'a OsStr],
    /// Whether to keep a copy of the kernel, which takes time.
    pub(crate) kernel: bool,
}

/// What a run noted.
pub(crate) struct Notes<'a> {
    folder: &'a Path,
}

/// The QEMU of this host, as the tool would find it.
pub(crate) fn qemu() -> Result<PathBuf> {
    if let Some(path) = env::var_os("BIRGUS_QEMU").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&folders).map(|folder| folder.join("qemu-system-x86_64"));
    Ok(places.find(|path| path.is_file()).ok_or("no qemu-system-x86_64 in PATH")?)
}

/// The time of a clock that all processes share.
pub(crate) fn now() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}

/// Sets a command's environment so that this program, started by it as QEMU, leaves notes in the folder.
pub(crate) fn prepare<'a>(command: &mut Command, folder: &'a Path, wishes: Wishes<'_>) -> Result<Notes<'a>> {
    for note in [TIME, WORDS, KERNEL] {
        match fs::remove_file(folder.join(note)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    command.env("BIRGUS_QEMU", env::current_exe()?).env(QEMU, qemu()?).env(FOLDER, folder);
    command.env(OPTIONS, wishes.options.join(OsStr::new("\n")));
    if wishes.kernel {
        command.env(KEEP_KERNEL, "yes");
    }
    Ok(Notes { folder })
}

impl Notes<'_> {
    /// When QEMU was started.
    pub(crate) fn time(&self) -> Result<Duration> {
        Ok(Duration::from_nanos(fs::read_to_string(self.folder.join(TIME))?.parse()?))
    }

    /// The words of its command line behind its name.
    pub(crate) fn words(&self) -> Result<Vec<OsString>> {
        Ok(lines(&fs::read(self.folder.join(WORDS))?))
    }

    /// Its kernel, if that was wished for.
    pub(crate) fn kernel(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.folder.join(KERNEL))?)
    }
}

/// Becomes QEMU if this program is in its place; gives why when that fails.
pub(crate) fn take_over() -> Option<Box<dyn std::error::Error>> {
    let folder = env::var_os(FOLDER)?;
    let qemu = env::var_os(QEMU)?;
    let mut words: Vec<OsString> = env::args_os().skip(1).collect();
    if let Some(at) = words.iter().position(|word| word == "-kernel") {
        words.extend(lines(env::var_os(OPTIONS).unwrap_or_default().as_bytes()));
        if let Err(error) = note(Path::new(&folder), &words, words.get(at + 1)) {
            return Some(error);
        }
    }
    Some(Command::new(qemu).args(words).exec().into())
}

fn note(folder: &Path, words: &[OsString], kernel: Option<&OsString>) -> Result<()> {
    if env::var_os(KEEP_KERNEL).is_some() {
        fs::copy(kernel.ok_or("-kernel without a file")?, folder.join(KERNEL))?;
    }
    fs::write(folder.join(WORDS), words.join(OsStr::new("\n")).as_bytes())?;
    fs::write(folder.join(TIME), now()?.as_nanos().to_string())?;
    Ok(())
}

fn lines(text: &[u8]) -> Vec<OsString> {
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| OsString::from_vec(line.to_vec())).collect()
}
