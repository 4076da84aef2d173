//! What a dynamic program of this host needs: its interpreter and libraries, found as `ld.so(8)` would find them,
//! without running anything.

mod cache;
mod dynamic;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::failure::{Context, Failure, Result};
use cache::Cache;
use dynamic::Dynamic;

/// Where glibc looks when nothing says where; Debian's places first.
const GLIBC_PLACES: [&str; 6] =
    ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
/// Where musl looks, unless a file says otherwise.
const MUSL_PLACES: [&str; 3] = ["/lib", "/usr/local/lib", "/usr/lib"];
const MUSL_PATH_FILE: &str = "/etc/ld-musl-x86_64.path";
/// What `$LIB` may stand for.
const LIB: [&str; 3] = ["lib/x86_64-linux-gnu", "lib64", "lib"];

/// A file with what the dynamic linker reads in it, and who made it load that.
struct Object {
    path: PathBuf,
    dynamic: Dynamic,
    loader: Option<Rc<Object>>,
}

/// How a path is taken along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// As what it leads to: a library's symbolic link stands for the library.
    Followed,
    /// As it is: a directory, a symbolic link.
    AsItIs,
}

/// The files that programs need, by the paths under which they are looked for.
pub(crate) struct Collection {
    files: BTreeMap<PathBuf, Taken>,
    cache: Option<Cache>,
}

impl Collection {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { files: BTreeMap::new(), cache: Cache::read() }
    }

    /// Adds a program with all that it needs.
    pub(crate) fn add_program(&mut self, program: &Path) -> Result<()> {
        let bytes = fs::read(program).context(format_args!("cannot read {}", program.display()))?;
        self.take(program);
        match Dynamic::read(&bytes) {
            Some(dynamic) => self.add_needed(program, dynamic),
            None => Ok(()),
        }
    }

    /// Adds a file or a directory with all that is in it; of programs and libraries, what they need too.
    pub(crate) fn add(&mut self, path: &Path) -> Result<()> {
        let mut waiting = vec![path.to_owned()];
        while let Some(path) = waiting.pop() {
            let name = path.display();
            let metadata = fs::symlink_metadata(&path).context(format_args!("cannot take {name} along"))?;
            if metadata.is_file() {
                self.add_program(&path)?;
                continue;
            }
            if metadata.is_dir() {
                for entry in fs::read_dir(&path).context(format_args!("cannot read {name}"))? {
                    waiting.push(entry.context(format_args!("cannot read {name}"))?.path());
                }
            }
            self.files.entry(path).or_insert(Taken::AsItIs);
        }
        Ok(())
    }

    /// All files, each behind its directory.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, Taken)> {
        self.files.iter().map(|(path, taken)| (path.as_path(), *taken))
    }

    fn take(&mut self, path: &Path) {
        self.files.insert(path.to_owned(), Taken::Followed);
    }

    fn add_needed(&mut self, path: &Path, dynamic: Dynamic) -> Result<()> {
        let interpreter = dynamic.interpreter.clone();
        if let Some(interpreter) = &interpreter {
            if !interpreter.is_file() {
                let (program, interpreter) = (path.display(), interpreter.display());
                return Err(Failure::not_runnable(format!("{program} needs the interpreter {interpreter}")));
            }
            self.take(interpreter);
        }
        let is_musl = interpreter.as_deref().and_then(Path::file_name).is_some_and(is_musls);
        let places = if is_musl { musl_places() } else { GLIBC_PLACES.iter().map(PathBuf::from).collect() };
        let mut known = BTreeSet::new();
        let mut waiting = vec![Rc::new(Object { path: path.to_owned(), dynamic, loader: None })];
        while let Some(object) = waiting.pop() {
            for name in &object.dynamic.needed {
                // musl is its own C library, whatever it is called.
                if !known.insert(name.clone()) || is_musl && name.as_bytes().starts_with(b"libc.") {
                    continue;
                }
                let Some((path, dynamic)) = self.find(&object, name, is_musl, &places) else {
                    let (who, name) = (object.path.display(), name.display());
                    return Err(Failure::not_runnable(format!("{who} needs the library {name}, which is nowhere")));
                };
                self.take(&path);
                waiting.push(Rc::new(Object { path, dynamic, loader: Some(object.clone()) }));
            }
        }
        Ok(())
    }

    /// The library of this name that `object` gets (`ld.so(8)`, the order of the search).
    fn find(
        &mut self,
        object: &Rc<Object>,
        name: &OsStr,
        is_musl: bool,
        places: &[PathBuf],
    ) -> Option<(PathBuf, Dynamic)> {
        if name.as_bytes().contains(&b'/') {
            return library(Path::new(name));
        }
        let mut folders = Vec::new();
        if is_musl || object.dynamic.run_path.is_empty() {
            let mut loader = Some(object);
            while let Some(above) = loader {
                if is_musl || above.dynamic.run_path.is_empty() {
                    folders.extend(expand(&above.dynamic.old_path, &above.path));
                }
                if is_musl {
                    folders.extend(expand(&above.dynamic.run_path, &above.path));
                }
                loader = above.loader.as_ref();
            }
        }
        folders.extend(expand(&object.dynamic.run_path, &object.path));
        if let Some(found) = folders.iter().find_map(|folder| library(&folder.join(name))) {
            return Some(found);
        }
        if !is_musl && let Some(cache) = &self.cache {
            let found = cache.paths(name).find_map(|path| library(&path));
            if let Some((path, _)) = &found
                && !path.parent().is_some_and(|folder| places.iter().any(|place| place == folder))
            {
                // The machine's dynamic linker cannot know of it otherwise.
                self.files.insert(Cache::PATH.into(), Taken::Followed);
            }
            if found.is_some() {
                return found;
            }
        }
        places.iter().find_map(|folder| library(&folder.join(name)))
    }
}

fn is_musls(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b"ld-musl-")
}

fn musl_places() -> Vec<PathBuf> {
    match fs::read_to_string(MUSL_PATH_FILE) {
        Ok(text) => text.split([':', '\n']).filter(|path| !path.is_empty()).map(PathBuf::from).collect(),
        Err(_) => MUSL_PLACES.iter().map(PathBuf::from).collect(),
    }
}

/// The library at this path; `None` when there is none for this machine.
fn library(path: &Path) -> Option<(PathBuf, Dynamic)> {
    let bytes = fs::read(path).ok()?;
    Some((path.to_owned(), Dynamic::read(&bytes)?))
}

/// The folders of a search path that an object at `path` has, with `$ORIGIN`, `$LIB` and `$PLATFORM` in their places.
fn expand(folders: &[u8], path: &Path) -> Vec<PathBuf> {
    let origin = fs::canonicalize(path).ok().and_then(|path| path.parent().map(Path::to_owned)).unwrap_or_default();
    let origin = origin.as_os_str().as_bytes();
    let mut all = Vec::new();
    for folder in folders.split(|&byte| byte == b':').filter(|folder| !folder.is_empty()) {
        let folder = replace(&replace(folder, b"ORIGIN", origin), b"PLATFORM", b"x86_64");
        let variants = LIB.iter().map(|lib| replace(&folder, b"LIB", lib.as_bytes()));
        for variant in variants {
            let variant = PathBuf::from(OsString::from_vec(variant));
            if !all.contains(&variant) {
                all.push(variant);
            }
        }
    }
    all
}

/// Puts a value in the place of `$NAME` and `${NAME}`.
fn replace(text: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let plain = behind.strip_prefix(name);
        let braced = || behind.strip_prefix(b"{")?.strip_prefix(name)?.strip_prefix(b"}");
        match plain.or_else(braced).filter(|_| *first == b'$') {
            Some(after) => {
                result.extend_from_slice(value);
                rest = after;
            }
            None => {
                result.push(*first);
                rest = behind;
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_with_and_without_braces() {
        assert_eq!(replace(b"$ORIGIN/../lib:${ORIGIN}x$", b"ORIGIN", b"/a"), b"/a/../lib:/ax$");
        assert_eq!(replace(b"${ORIGIN", b"ORIGIN", b"/a"), b"${ORIGIN");
    }

    #[test]
    fn this_program_needs_a_c_library_and_its_linker() {
        let mut collection = Collection::new();
        collection.add_program(&std::env::current_exe().expect("a path")).expect("all is there");
        let names: Vec<_> = collection.files().filter_map(|(path, _)| path.file_name()).collect();
        assert!(names.contains(&OsStr::new("libc.so.6")), "{names:?}");
        assert!(names.contains(&OsStr::new("ld-linux-x86-64.so.2")), "{names:?}");
    }

    #[test]
    fn directories_are_taken_whole() {
        let folder = tempfile::tempdir().expect("a directory");
        let inner = folder.path().join("a");
        fs::create_dir(&inner).expect("made");
        fs::write(inner.join("text"), "no program").expect("written");
        std::os::unix::fs::symlink("text", inner.join("link")).expect("linked");
        let mut collection = Collection::new();
        collection.add(folder.path()).expect("taken");
        let within = |(path, taken)| (Path::strip_prefix(path, folder.path()).expect("in it"), taken);
        let found: Vec<_> = collection.files().map(within).collect();
        let wanted =
            [("", Taken::AsItIs), ("a", Taken::AsItIs), ("a/link", Taken::AsItIs), ("a/text", Taken::Followed)];
        assert_eq!(found, wanted.map(|(path, taken)| (Path::new(path), taken)));
        assert!(collection.add(&folder.path().join("none")).is_err());
    }
}
