//! A C file of the recipe.

use std::path::{Path, PathBuf};

use super::unpacked;
use crate::error::Error;
use crate::origin::CFile;
use crate::tool::Tool;

/// Compiles the file to a program called `name`.
pub(super) fn compile(
    source: &CFile,
    name: &str,
    scratch: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<PathBuf, Error> {
    progress(&format!("compiling {} with {}", source.file.display(), source.compiler));
    let compiler = Tool::new(&source.compiler, scratch).args(&source.flags).arg("-o").arg(name).arg(&source.file);
    compiler.advice("A static program needs the compiler's static C library (Debian: libc6-dev).").run()?;
    unpacked::program(scratch, name, name)
}
