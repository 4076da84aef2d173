//! What the tool remembers from one run to the next: small facts about this host, each a file of one line that begins
//! with what the fact depends on. The cache is a convenience: where it cannot be read or written, nothing is said.

use std::path::PathBuf;
use std::{env, fs, process};

/// The folder, `birgus` in `$XDG_CACHE_HOME` or `~/.cache`; `None` for a user without a home.
pub(crate) fn folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let parent = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(parent.join("birgus"))
}

/// The remembered fact, when it was noted under the same key.
pub(crate) fn recall(fact: &str, key: &str) -> Option<String> {
    let line = fs::read_to_string(folder()?.join(fact)).ok()?;
    let value = line.strip_prefix(key)?.strip_prefix('\t')?;
    Some(value.trim_end().to_owned())
}

/// Notes a fact. A reader sees the old line or the new one, never a part.
pub(crate) fn remember(fact: &str, key: &str, value: &str) {
    let Some(folder) = folder() else { return };
    let unfinished = folder.join(format!(".{fact}.{}", process::id()));
    let written = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&unfinished, format!("{key}\t{value}\n")))
        .and_then(|()| fs::rename(&unfinished, folder.join(fact)));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
}

/// What names this start of this host's kernel.
pub(crate) fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}
