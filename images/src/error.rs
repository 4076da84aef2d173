//! What can go wrong, in words for the person who typed the command.

use std::io;
use std::path::{Path, PathBuf};

/// Why a recipe could not be made ready. The text says what to do next where anything can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder is no recipe.
    #[error("{} is not a recipe: it has no image.toml", .0.display())]
    NotARecipe(PathBuf),
    /// The `image.toml` says something that is not understood.
    #[error("{}: {why}", .path.display())]
    BadRecipe {
        /// The `image.toml`.
        path: PathBuf,
        /// What is wrong in it, with line and column where known.
        why: String,
    },
    /// There is nowhere to keep fetched programs.
    #[error("no folder to keep fetched programs in: set HOME, or XDG_CACHE_HOME to an absolute path")]
    NoCacheFolder,
    /// A program needed for fetching is not installed.
    #[error("`{tool}` is needed for this recipe and is not installed; {advice}")]
    ToolMissing {
        /// The missing command.
        tool: String,
        /// How to get it.
        advice: &'static str,
    },
    /// A program used for fetching failed.
    #[error("`{command}` failed ({status}){}{}", indented(.output), next_step(.advice))]
    ToolFailed {
        /// The command as it was run.
        command: String,
        /// Its exit status, in words.
        status: String,
        /// The end of what it printed.
        output: String,
        /// What may help, or nothing.
        advice: String,
    },
    /// The machine's apt has no sources from which source packages could come.
    #[error("{} names no package sources; Debian source packages cannot be fetched on this machine", .0.display())]
    NoPackageSources(PathBuf),
    /// A package came without the file that the recipe takes from it.
    #[error("{package} holds no file `{path}`; correct `path` in the recipe{}", indented(.found))]
    NotInPackage {
        /// The package, as a person would name it.
        package: String,
        /// The path looked for.
        path: String,
        /// Files that it holds instead, one a line.
        found: String,
    },
    /// The fetched file cannot run in a Birgus guest.
    #[error("{}: not a program for Birgus: {why}", .path.display())]
    NotAProgram {
        /// The file, named as in its package.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// The host's file system said no.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried: "read", "create", …
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: the system refused `action` on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    }
}

/// The lines of `text`, each on a line of its own below the message.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("\n    {line}")).collect()
}

fn next_step(advice: &str) -> String {
    if advice.is_empty() { String::new() } else { format!("\n  {advice}") }
}
