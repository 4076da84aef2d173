//! npm packages.

use std::fs;
use std::path::{Path, PathBuf};

use super::unpacked;
use crate::error::Error;
use crate::origin::NpmPackage;
use crate::tool::Tool;

/// Fetches a package with `npm pack`, which runs none of its scripts and does not mind its `os` and `cpu`.
pub(super) fn fetch(wanted: &NpmPackage, scratch: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    let package = format!("{}@{}", wanted.package, wanted.version);
    progress(&format!("fetching npm package {package}"));
    Tool::new("npm", scratch)
        .args(["pack", "--loglevel=error", "--ignore-scripts", &package])
        .advice(format!("`npm view {}` tells whether the registry can be reached and has it.", wanted.package))
        .run()?;
    let archive = unpacked::only(scratch, "*.tgz", unpacked::ends_with("tgz"))?;
    let folder = scratch.join("unpacked");
    fs::create_dir(&folder).map_err(Error::io("create", &folder))?;
    Tool::new("tar", &folder)
        .args(["-x", "-z", "--no-same-owner", "--strip-components=1", "-f"])
        .arg(&archive)
        .run()?;
    unpacked::program(&folder, &wanted.path, &package)
}
