//! `birgus rewrite`: the offline form.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process;

use birgus_rewriter::analysis::{Analysis, Reason};
use birgus_rewriter::elf;

use crate::analyze::{analysis_of, parse, read};
use crate::failure::{Context, Failure, Result};
use crate::program;

/// Writes a program's copy in which sites are jumps, to run on plain Linux. Gives the exit code.
pub(crate) fn rewrite(word: &OsStr, output: &Path) -> Result<u8> {
    let path = program::file_on_host(word)?;
    let bytes = read(&path)?;
    let mode = fs::metadata(&path).context(path.display())?.permissions().mode() & 0o777;
    let file = parse(&path, &bytes)?;
    let analysis = analysis_of(&path, &file)?;
    let rewritten = elf::rewrite(&file, &analysis)
        .map_err(|refusal| Failure::new(format!("{} is not rewritten: {refusal}", path.display())))?;
    write(output, &rewritten.bytes, mode).context(format_args!("cannot write {}", output.display()))?;
    tell(output, &analysis, &rewritten);
    Ok(0)
}

/// Says what has become of the sites, on standard error: standard output may be the output.
fn tell(output: &Path, analysis: &Analysis, rewritten: &elf::Rewritten) {
    let sites = analysis.sites.len();
    eprintln!("birgus: {}: {} of {sites} sites rewritten", output.display(), rewritten.rewritten);
    let reasons = [Reason::SignalReturn, Reason::Contradiction, Reason::Prefixed, Reason::NoRoom, Reason::Neighbours];
    for reason in reasons {
        let count = analysis.sites.iter().filter(|site| site.verdict == Err(reason)).count();
        if count > 0 {
            eprintln!("birgus: {count} left: {reason}");
        }
    }
    if rewritten.watched > 0 {
        let why = "the program compares their addresses with interrupted ones";
        eprintln!("birgus: {} left: {why}", rewritten.watched);
    }
    if rewritten.unplaced > 0 {
        eprintln!("birgus: {} left: no place for a trampoline", rewritten.unplaced);
    }
    if rewritten.appended > 0 {
        eprintln!("birgus: {} bytes behind the last section stay the end of the file", rewritten.appended);
    }
}

/// Writes a file: it is there whole, or not at all. Large runs of zeros become holes.
fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        // A device or a pipe: it cannot be replaced.
        return OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}", process::id()));
    let unfinished: PathBuf = path.with_file_name(name);
    let written = write_new(&unfinished, bytes, mode).and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    const BLOCK: usize = 1 << 16;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    for block in bytes.chunks(BLOCK) {
        if block.iter().all(|&byte| byte == 0) {
            file.seek(SeekFrom::Current(block.len() as i64))?;
        } else {
            file.write_all(block)?;
        }
    }
    file.set_len(bytes.len() as u64)?;
    file.set_permissions(Permissions::from_mode(mode))
}
