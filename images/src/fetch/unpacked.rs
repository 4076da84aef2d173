//! Finding things in what a client left in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::program;

/// How many files are listed when the one wanted is not among them.
const LISTED: usize = 20;

/// The entry of `folder` that `wanted` accepts: a client was told to put exactly one such there.
pub(super) fn only(folder: &Path, what: &str, wanted: impl Fn(&Path) -> bool) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let mut found = entries.flatten().map(|entry| entry.path()).filter(|path| wanted(path));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => {
            Err(Error::NotInPackage { package: "the download".to_owned(), path: what.to_owned(), found: String::new() })
        }
    }
}

/// Whether a file's name ends so.
pub(super) fn ends_with(end: &'static str) -> impl Fn(&Path) -> bool {
    move |path| path.extension().is_some_and(|extension| extension == end)
}

/// The program at `path` in the folder `unpacked`, which holds `package`. A link may lead to it, but not out of
/// the folder.
pub(super) fn program(unpacked: &Path, path: &str, package: &str) -> Result<PathBuf, Error> {
    let inside = fs::canonicalize(unpacked).map_err(Error::io("read", unpacked))?;
    let found = fs::canonicalize(inside.join(path)).ok().filter(|found| found.starts_with(&inside) && found.is_file());
    let Some(found) = found else {
        return Err(Error::NotInPackage { package: package.to_owned(), path: path.to_owned(), found: list(&inside) });
    };
    program::check(&found, path.as_ref())?;
    Ok(found)
}

/// The largest files below `folder`, one a line: a program is mostly the largest thing in its package.
fn list(folder: &Path) -> String {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(next) = folders.pop() {
        let Ok(entries) = fs::read_dir(&next) else {
            continue;
        };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(data) if data.is_dir() => folders.push(entry.path()),
                Ok(data) if data.is_file() => files.push((data.len(), entry.path())),
                _ => {}
            }
        }
    }
    files.sort_by(|one, other| other.cmp(one));
    let names = files.iter().take(LISTED).filter_map(|(_, file)| file.strip_prefix(folder).ok());
    names.map(|name| name.display().to_string()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_program_is_found_and_a_wrong_path_lists_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::copy(std::env::current_exe().unwrap(), bin.join("tool-1")).unwrap();
        symlink("tool-1", bin.join("tool")).unwrap();
        symlink(std::env::current_exe().unwrap(), bin.join("outside")).unwrap();
        fs::write(bin.join("script"), "#!/bin/sh\n").unwrap();
        let find = |path| program(folder.path(), path, "tool 1.0");
        assert!(find("bin/tool").unwrap().ends_with("bin/tool-1"));
        for absent in ["bin/absent", "bin", "bin/outside"] {
            let text = find(absent).unwrap_err().to_string();
            assert!(text.contains("tool 1.0 holds no file") && text.contains("    bin/tool-1\n"), "{text}");
        }
        assert!(matches!(find("bin/script"), Err(Error::NotAProgram { .. })));
    }

    #[test]
    fn only_one_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let find = || only(folder.path(), "an archive", ends_with("tgz"));
        assert!(find().unwrap_err().to_string().contains("an archive"));
        fs::write(folder.path().join("a.tgz"), "").unwrap();
        fs::write(folder.path().join("b.txt"), "").unwrap();
        assert!(find().unwrap().ends_with("a.tgz"));
        fs::write(folder.path().join("c.tgz"), "").unwrap();
        assert!(find().is_err());
    }
}
