//! Programs built from Debian source packages.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::debian::{note_another_version, shown};
use super::unpacked;
use crate::apt_sources;
use crate::error::Error;
use crate::origin::DebianSource;
use crate::tool::Tool;

/// Fetches a source package with `apt-get source` and builds it with the recipe's commands.
///
/// apt gets package lists of its own in the scratch folder, with source entries derived from the machine's, so
/// neither root nor a change of the machine's files is needed.
pub(super) fn build(wanted: &DebianSource, scratch: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    progress("fetching the lists of Debian source packages");
    let apt = PrivateApt::new(scratch)?;
    // A source that cannot be reached fails this, and may not be the one that is needed: the download tells.
    let refreshed = apt.get(scratch).arg("update").run();
    progress(&format!("fetching Debian source package {}", shown(&wanted.package, wanted.version.as_deref())));
    let download = |package: &str| {
        let client = apt.get(scratch).args(["source", "--only-source", "--download-only", package]);
        client.advice("Check that the machine's package sources can be reached.").run()
    };
    let downloaded = match &wanted.version {
        Some(version) => download(&format!("{}={version}", wanted.package)).or_else(|_| download(&wanted.package)),
        None => download(&wanted.package),
    };
    downloaded.map_err(|error| refreshed.err().unwrap_or(error))?;
    let description = unpacked::only(scratch, "*.dsc", unpacked::ends_with("dsc"))?;
    let version = version(&description)?;
    note_another_version(wanted.version.as_deref(), &version, &wanted.package, progress);

    let source = scratch.join("source");
    Tool::new("dpkg-source", scratch).arg("--extract").arg(&description).arg(&source).run()?;
    for (number, command) in wanted.build.iter().enumerate() {
        progress(&format!("building, step {} of {}", number + 1, wanted.build.len()));
        Tool::new("sh", &source).args(["-e", "-c", command]).advice(needs(wanted)).run()?;
    }
    unpacked::program(&source, &wanted.path, &format!("{}, built,", shown(&wanted.package, Some(&version))))
}

/// What to install when a build fails.
fn needs(wanted: &DebianSource) -> String {
    if wanted.needs.is_empty() {
        return String::new();
    }
    format!("Building it takes some Debian packages: `apt-get install {}`.", wanted.needs.join(" "))
}

/// The version in a source package's description file (dsc(5)).
fn version(description: &Path) -> Result<String, Error> {
    let text = fs::read_to_string(description).map_err(Error::io("read", description))?;
    let version = text.lines().find_map(|line| line.strip_prefix("Version:"));
    Ok(version.unwrap_or_default().trim().to_owned())
}

/// An apt with lists, cache and sources of its own; keys, proxies and all else are the machine's.
struct PrivateApt {
    options: Vec<OsString>,
}

impl PrivateApt {
    fn new(scratch: &Path) -> Result<PrivateApt, Error> {
        let folder = scratch.join("apt");
        let (lists, cache) = (folder.join("lists"), folder.join("cache"));
        for needed in [lists.join("partial"), cache.join("archives/partial")] {
            fs::create_dir_all(&needed).map_err(Error::io("create", &needed))?;
        }
        let sources = apt_sources::derive(Path::new("/etc/apt"), &folder)?;
        let mut options = Vec::new();
        let settings = [
            ("Dir::Etc::sourcelist", sources.list.as_path()),
            ("Dir::Etc::sourceparts", &sources.parts),
            ("Dir::State::lists", &lists),
            ("Dir::Cache", &cache),
            // The scratch folder is the user's alone: apt's own unprivileged user could not write there.
            ("APT::Sandbox::User", Path::new("root")),
            ("Acquire::Languages", Path::new("none")),
        ];
        for (name, value) in settings {
            let mut setting = OsString::from(name);
            setting.push("=");
            setting.push(value);
            options.extend([OsString::from("-o"), setting]);
        }
        Ok(PrivateApt { options })
    }

    fn get(&self, directory: &Path) -> Tool {
        Tool::new("apt-get", directory).arg("-q").args(&self.options)
    }
}
