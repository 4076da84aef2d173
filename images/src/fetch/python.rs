//! Python packages.

use std::path::{Path, PathBuf};

use super::unpacked;
use crate::error::Error;
use crate::origin::PythonPackage;
use crate::tool::Tool;

/// Fetches a wheel with `pip download`: nothing of it is run, nor installed.
pub(super) fn fetch(wanted: &PythonPackage, scratch: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    let package = format!("{}=={}", wanted.package, wanted.version);
    progress(&format!("fetching Python package {package}"));
    let pip = ["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"];
    Tool::new("python3", scratch)
        .args(pip)
        .arg("--only-binary=:all:")
        .args(wanted.platforms.iter().flat_map(|tag| ["--platform", tag]))
        .args(["--dest", ".", &package])
        .advice("Check that the registry can be reached, and that it has this version for one of these platforms.")
        .run()?;
    let wheel = unpacked::only(scratch, "*.whl", unpacked::ends_with("whl"))?;
    let folder = scratch.join("unpacked");
    Tool::new("python3", scratch).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&folder).run()?;
    unpacked::program(&folder, &wanted.path, &package)
}
