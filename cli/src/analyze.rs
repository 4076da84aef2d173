//! `birgus analyze`: what a program is, and what becomes of its system call sites.

mod nature;
mod report;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use birgus_rewriter::analysis::{self, Analysis};
use birgus_rewriter::elf::File;

use crate::failure::{Context, Failure, Result};
use crate::program;
use report::Report;

/// Analyses a program and prints what is found. Gives the exit code.
pub(crate) fn analyze(word: &OsStr, json: bool) -> Result<u8> {
    let path = program::file_on_host(word)?;
    let bytes = read(&path)?;
    let file = parse(&path, &bytes)?;
    let program = file.program().map_err(|error| not_analysable(&path, error))?;
    let analysis = analysis::analyse(&program);
    let nature = nature::of(&file, &program, &bytes);
    let report = Report::new(path.display().to_string(), nature, &analysis);
    let text = if json {
        serde_json::to_string_pretty(&report).context("cannot write JSON")? + "\n"
    } else {
        report.to_string()
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(0),
        // Whoever reads has enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Failure::new(format!("cannot write: {error}"))),
    }
}

/// The bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| {
        let text = format!("{}: {error}", path.display());
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::not_found(text),
            _ => Failure::not_runnable(text),
        }
    })
}

/// Its headers.
pub(crate) fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<File<'a>> {
    File::parse(bytes).map_err(|error| not_analysable(path, error))
}

/// Headers and analysis of a program's file.
pub(crate) fn analysis_of(path: &Path, file: &File<'_>) -> Result<Analysis> {
    Ok(analysis::analyse(&file.program().map_err(|error| not_analysable(path, error))?))
}

fn not_analysable(path: &Path, error: birgus_rewriter::elf::Error) -> Failure {
    Failure::not_runnable(format!("{}: {error}", PathBuf::from(path).display()))
}
