//! Fetching a program from where its recipe says, into an empty folder.

mod c_file;
mod debian;
mod debian_source;
mod npm;
mod python;
mod unpacked;

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::origin::Origin;
use crate::recipe::Recipe;

/// Fetches the recipe's program into the empty folder `scratch`; gives its path there.
pub(crate) fn fetch(recipe: &Recipe, scratch: &Path, progress: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    let mut progress = |line: &str| progress(&format!("{}: {line}", recipe.name));
    match &recipe.origin {
        Origin::Debian(package) => debian::fetch(package, scratch, &mut progress),
        Origin::DebianSource(package) => debian_source::build(package, scratch, &mut progress),
        Origin::Npm(package) => npm::fetch(package, scratch, &mut progress),
        Origin::Pypi(package) => python::fetch(package, scratch, &mut progress),
        Origin::C(source) => c_file::compile(source, &recipe.name, scratch, &mut progress),
    }
}
