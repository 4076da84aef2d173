//! Where fetched programs are kept.
//!
//! An entry is a folder that holds one file, the program. It is made aside and put in place by one rename, so
//! that it is there whole or not at all, whatever happens and however many processes fetch it at once.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::recipe::Recipe;

/// How the folders of unfinished fetches begin.
const SCRATCH: &str = ".fetching-";

/// When the scratch folder of a fetch that was killed may be taken away.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder of fetched programs.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The user's cache: `birgus/images` in `XDG_CACHE_HOME`, or in `~/.cache` (XDG Base Directory
    /// Specification; a relative path there counts as none).
    ///
    /// # Errors
    /// [`Error::NoCacheFolder`] where the environment names neither.
    pub fn of_user() -> Result<Cache, Error> {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        Ok(Cache::at(base.ok_or(Error::NoCacheFolder)?.join("birgus/images")))
    }

    /// The cache in `folder`, which is made when first needed.
    #[must_use]
    pub fn at(folder: PathBuf) -> Cache {
        Cache { folder }
    }

    /// The place of a recipe's program: by name and version for people, and by the recipe's content, so that
    /// a changed recipe is fetched anew.
    pub(crate) fn entry(&self, recipe: &Recipe) -> Result<Entry, Error> {
        fs::create_dir_all(&self.folder).map_err(Error::io("create", &self.folder))?;
        let folder = fs::canonicalize(&self.folder).map_err(Error::io("find", &self.folder))?;
        let hash = Sha256::digest(&recipe.content);
        let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let version = recipe.origin.version().unwrap_or_default();
        let readable: String = format!("{}-{version}", recipe.name)
            .chars()
            .map(
                |character| {
                    if character.is_ascii_alphanumeric() || "+.-_~".contains(character) { character } else { '_' }
                },
            )
            .collect();
        let readable = readable.trim_start_matches('.').trim_end_matches('-');
        Ok(Entry { place: folder.join(format!("{readable}-{hash}")), cache: folder })
    }
}

/// The place of one recipe's program.
pub(crate) struct Entry {
    cache: PathBuf,
    place: PathBuf,
}

impl Entry {
    /// The program kept here. Where there is none, `fetch` is given an empty folder to work in, returns the
    /// path of the program it made below that, and this is kept.
    pub(crate) fn program(&self, fetch: impl FnOnce(&Path) -> Result<PathBuf, Error>) -> Result<PathBuf, Error> {
        if let Some(program) = self.kept() {
            return Ok(program);
        }
        remove_abandoned(&self.cache);
        let scratch = tempfile::Builder::new()
            .prefix(SCRATCH)
            .tempdir_in(&self.cache)
            .map_err(Error::io("create a folder in", &self.cache))?;
        let fetched = fetch(scratch.path())?;
        let whole = tempfile::Builder::new()
            .prefix("kept-")
            .tempdir_in(scratch.path())
            .map_err(Error::io("create a folder in", scratch.path()))?
            .keep();
        let program = whole.join(fetched.file_name().unwrap_or("program".as_ref()));
        fs::rename(&fetched, &program).map_err(Error::io("keep", &fetched))?;
        make_executable(&program)?;
        // On the disk before it has its name: a power cut leaves no half program that looks whole.
        File::open(&program).and_then(|file| file.sync_all()).map_err(Error::io("write", &program))?;
        match fs::rename(&whole, &self.place) {
            Ok(()) => {}
            // Another process was faster: what it kept is as good.
            Err(_) if self.kept().is_some() => {}
            Err(source) => {
                return Err(Error::Io { action: "create", path: self.place.clone(), source });
            }
        }
        self.kept().ok_or_else(|| Error::Io {
            action: "find",
            path: self.place.clone(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }

    /// The one file in the entry's folder.
    fn kept(&self) -> Option<PathBuf> {
        let mut files = fs::read_dir(&self.place).ok()?;
        files.next()?.ok().map(|file| file.path()).filter(|file| file.is_file())
    }
}

/// Makes a program executable, and readable for those who can read the cache.
fn make_executable(program: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(program, everybody.clone()).map_err(Error::io("make executable", program))?;
    // tempfile's folders are the owner's alone.
    let folder = program.parent().unwrap_or(program);
    fs::set_permissions(folder, everybody).map_err(Error::io("open", folder))
}

/// Removes what fetches left that were killed: nothing else cleans up after `kill -9` or Ctrl-C. A failure here
/// is of no matter to the fetch.
fn remove_abandoned(cache: &Path) {
    let Ok(folders) = fs::read_dir(cache) else {
        return;
    };
    for folder in folders.flatten().filter(|folder| folder.file_name().to_string_lossy().starts_with(SCRATCH)) {
        let changed = folder.metadata().and_then(|data| data.modified());
        let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if age.is_some_and(|age| age > ABANDONED_AFTER) {
            let _ = fs::remove_dir_all(folder.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// A recipe named `tool` whose content ends with `more`.
    fn recipe(more: &str) -> Recipe {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tool");
        fs::create_dir(&folder).unwrap();
        let text = "description = 'x'\n[from.debian]\npackage = 'x'\nversion = '1:2/3'\npath = 'bin/x'\n";
        fs::write(folder.join("image.toml"), format!("{text}{more}")).unwrap();
        Recipe::load(&folder).unwrap()
    }

    fn never(_: &Path) -> Result<PathBuf, Error> {
        panic!("fetched although it is kept")
    }

    fn make(scratch: &Path, text: &str) -> Result<PathBuf, Error> {
        let folder = scratch.join("unpacked/bin");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("x"), text).unwrap();
        Ok(folder.join("x"))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn fetched_once_then_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("deep/cache"));
        let program = cache.entry(&recipe("")).unwrap().program(|scratch| make(scratch, "one")).unwrap();
        assert_eq!(program.file_name().unwrap(), "x");
        assert_eq!(fs::read_to_string(&program).unwrap(), "one");
        assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(cache.entry(&recipe("")).unwrap().program(never).unwrap(), program);
        let kept = names(&folder.path().join("deep/cache"));
        assert!(kept.len() == 1 && kept[0].starts_with("tool-1_2_3-"), "{kept:?}");
    }

    #[test]
    fn a_changed_recipe_is_another_entry() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned());
        let one = cache.entry(&recipe("")).unwrap().program(|scratch| make(scratch, "one")).unwrap();
        let two = cache.entry(&recipe("# changed")).unwrap().program(|scratch| make(scratch, "two")).unwrap();
        assert_eq!((fs::read(one).unwrap(), fs::read(two).unwrap()), (b"one".to_vec(), b"two".to_vec()));
    }

    #[test]
    fn a_failed_fetch_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned());
        let entry = cache.entry(&recipe("")).unwrap();
        let result = entry.program(|scratch| {
            make(scratch, "half").unwrap();
            Err(Error::NoCacheFolder)
        });
        assert!(matches!(result, Err(Error::NoCacheFolder)));
        assert!(names(folder.path()).is_empty());
        assert!(entry.program(|scratch| make(scratch, "whole")).is_ok());
    }

    #[test]
    fn an_entry_whose_program_was_removed_is_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned());
        let entry = cache.entry(&recipe("")).unwrap();
        let program = entry.program(|scratch| make(scratch, "one")).unwrap();
        fs::remove_file(&program).unwrap();
        assert_eq!(entry.program(|scratch| make(scratch, "two")).unwrap(), program);
        assert_eq!(fs::read_to_string(&program).unwrap(), "two");
    }

    #[test]
    fn two_at_once_agree() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned());
        let recipe = recipe("");
        let both_fetched = Barrier::new(2);
        let fetch = |text| {
            let entry = cache.entry(&recipe).unwrap();
            let program = entry.program(|scratch| {
                let made = make(scratch, text);
                both_fetched.wait();
                made
            });
            program.unwrap()
        };
        let (one, two) = thread::scope(|scope| {
            let one = scope.spawn(|| fetch("one"));
            let two = scope.spawn(|| fetch("two"));
            (one.join().unwrap(), two.join().unwrap())
        });
        assert_eq!(one, two);
        assert!(["one", "two"].contains(&fs::read_to_string(&one).unwrap().as_str()));
        assert_eq!(names(folder.path()).len(), 1);
    }

    #[test]
    fn only_old_scratch_folders_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - ABANDONED_AFTER - Duration::from_secs(60);
        for (name, age) in [(".fetching-old", Some(old)), (".fetching-new", None), ("kept", Some(old))] {
            fs::create_dir(folder.path().join(name)).unwrap();
            if let Some(age) = age {
                File::open(folder.path().join(name)).unwrap().set_modified(age).unwrap();
            }
        }
        remove_abandoned(folder.path());
        assert_eq!(names(folder.path()), [".fetching-new", "kept"]);
    }
}
