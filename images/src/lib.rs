//! Recipes of prebuilt programs.
//!
//! A recipe is a folder with an `image.toml`: it says where a program that somebody else built comes
//! from, and how to run it. [`prepare`] fetches the program once, through the ordinary clients of its
//! registry (`apt-get`, `npm`, `pip`, a C compiler), keeps it in the user's cache folder, and returns
//! what a launcher needs. `README.md` beside this crate describes the format.

#![forbid(unsafe_code)]

mod apt_sources;
mod cache;
mod error;
mod fetch;
mod memory_size;
mod origin;
mod program;
mod recipe;
mod tool;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use cache::Cache;
pub use error::Error;
pub use origin::{CFile, DebianPackage, DebianSource, NpmPackage, Origin, PythonPackage};
pub use recipe::Recipe;

/// A program that is ready to run, with the settings its recipe gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The recipe's name: that of its folder.
    pub name: String,
    /// The program on this host, an ELF file for x86-64. Its file name is a good `argv[0]`.
    pub program: PathBuf,
    /// The arguments to give when the user gives none, without `argv[0]`.
    pub arguments: Vec<OsString>,
    /// The guest's environment, sorted by name.
    pub environment: Vec<(OsString, OsString)>,
    /// The memory the guest should have, in bytes; `None` leaves it to the launcher.
    pub memory: Option<u64>,
    /// A host folder to show the guest as its root.
    pub root: Option<PathBuf>,
}

/// Makes the recipe in `recipe_dir` ready to run: takes its program from the user's cache, or fetches it
/// into there. `progress` gets short lines for a person while something is being fetched, and none
/// otherwise.
///
/// # Errors
/// What keeps the program from being there, with what to do about it. A failed fetch leaves nothing behind.
pub fn prepare(recipe_dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<Prepared, Error> {
    prepare_in(&Cache::of_user()?, recipe_dir, progress)
}

/// As [`prepare`], with a cache of the caller's choice.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_in(cache: &Cache, recipe_dir: &Path, progress: &mut dyn FnMut(&str)) -> Result<Prepared, Error> {
    let recipe = Recipe::load(recipe_dir)?;
    let entry = cache.entry(&recipe)?;
    let program = entry.program(|scratch| fetch::fetch(&recipe, scratch, progress))?;
    Ok(Prepared {
        name: recipe.name,
        program,
        arguments: recipe.arguments.into_iter().map(OsString::from).collect(),
        environment: recipe.environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        memory: recipe.memory,
        root: recipe.root,
    })
}
