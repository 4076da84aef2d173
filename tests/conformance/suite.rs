//! What there is to run: the entries of the Linux Test Project's list that pass on Linux.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// A test, as the list of tests has it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// The folder it is in.
    pub(crate) area: String,
    /// The command line.
    pub(crate) command: String,
    pub(crate) native: Native,
}

/// How it ends on Linux: all entries here end with exit code 0.
#[derive(Clone, Debug)]
pub(crate) struct Native {
    /// Checks that passed.
    pub(crate) passes: u32,
    pub(crate) milliseconds: u64,
}

/// The entries of `runtest/syscalls` that pass on Linux by the table `native`, in the order of the table.
///
/// # Errors
/// A file that cannot be read or is not of the form.
pub(crate) fn entries(ltp: &Path, native: &Path) -> Result<Vec<Entry>, String> {
    let list = read(&ltp.join("runtest/syscalls"))?;
    let commands = list.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let commands: HashMap<&str, &str> = commands.filter_map(|line| line.split_once(char::is_whitespace)).collect();
    let text = read(native)?;
    let mut entries = Vec::new();
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[name, area, pass, _, _, _, exit, milliseconds] = &columns[..] else {
            return Err(format!("{}: not eight columns: {line}", native.display()));
        };
        if exit != "0" {
            continue;
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("{}: no number: {line}", native.display()));
        let Some(command) = commands.get(name) else { continue };
        entries.push(Entry {
            name: name.to_owned(),
            area: area.to_owned(),
            command: command.trim().to_owned(),
            native: Native { passes: number(pass)?, milliseconds: u64::from(number(milliseconds)?) },
        });
    }
    Ok(entries)
}

fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}
