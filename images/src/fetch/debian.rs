//! Debian packages.

use std::path::{Path, PathBuf};

use super::unpacked;
use crate::error::Error;
use crate::origin::DebianPackage;
use crate::tool::Tool;

/// Advice where the lists of packages may be old, or have never been fetched.
const STALE_LISTS: &str = "Run `apt-get update` as root to refresh the package lists, then try again.";

/// Advice where they are fresh.
const UNKNOWN: &str = "The package lists are fresh: see whether this machine's package sources have the package.";

/// Fetches a package with `apt-get download`, from the sources and with the keys of this machine.
pub(super) fn fetch(wanted: &DebianPackage, scratch: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    progress(&format!("fetching Debian package {}", shown(&wanted.package, wanted.version.as_deref())));
    if let Err(error) = download(wanted, scratch, STALE_LISTS) {
        // As root, stale package lists are ours to refresh; others are told to.
        if !rustix::process::geteuid().is_root() || matches!(error, Error::ToolMissing { .. }) {
            return Err(error);
        }
        progress("refreshing the package lists (apt-get update)");
        // A source that cannot be reached fails this, and may not be the one that is needed.
        let refreshed = Tool::new("apt-get", scratch).args(["-q", "update"]).run();
        download(wanted, scratch, UNKNOWN).map_err(|error| refreshed.err().unwrap_or(error))?;
    }
    let archive = unpacked::only(scratch, "*.deb", unpacked::ends_with("deb"))?;
    let version = Tool::new("dpkg-deb", scratch).arg("--field").arg(&archive).arg("Version").run()?;
    note_another_version(wanted.version.as_deref(), version.trim(), &wanted.package, progress);
    let folder = scratch.join("unpacked");
    Tool::new("dpkg-deb", scratch).arg("--extract").arg(&archive).arg(&folder).run()?;
    unpacked::program(&folder, &wanted.path, &shown(&wanted.package, Some(version.trim())))
}

/// Downloads the version wanted, or, where the archive has it no longer, its present one: Debian keeps one
/// version of a package in a release, and takes away the one before.
/// Should that fail, `advice` is what the user is told to do.
fn download(wanted: &DebianPackage, scratch: &Path, advice: &str) -> Result<(), Error> {
    let name = format!("{}:amd64", wanted.package);
    let download = |package: &str| {
        // The scratch folder is the user's alone: apt's own unprivileged user could not write there.
        let client = Tool::new("apt-get", scratch).args(["-q", "-o", "APT::Sandbox::User=root", "download"]);
        client.arg(package).advice(advice).run().map(drop)
    };
    match &wanted.version {
        Some(version) => download(&format!("{name}={version}")).or_else(|_| download(&name)),
        None => download(&name),
    }
}

/// Says so when another version came than the recipe asks for.
pub(super) fn note_another_version(wanted: Option<&str>, present: &str, package: &str, progress: &mut dyn FnMut(&str)) {
    if let Some(wanted) = wanted.filter(|wanted| *wanted != present) {
        progress(&format!("note: the archive has no {package} {wanted} (any more); taking {present}"));
    }
}

/// A package as a person names it.
pub(super) fn shown(package: &str, version: Option<&str>) -> String {
    version.map_or_else(|| package.to_owned(), |version| format!("{package} {version}"))
}
