//! `/etc/ld.so.cache`, glibc's list of libraries, in the format since glibc 2.2 (`glibc-ld.so.cache1.1`), which may
//! stand behind one in the older format.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;
/// What glibc says of a library for x86-64: `FLAG_ELF_LIBC6 | FLAG_X8664_LIB64`.
const X86_64: u32 = 0x0303;

/// The list.
pub(super) struct Cache {
    /// From the magic on: offsets of strings begin there.
    bytes: Vec<u8>,
}

impl Cache {
    pub(super) const PATH: &str = "/etc/ld.so.cache";

    /// Reads this host's; `None` when it has none.
    pub(super) fn read() -> Option<Self> {
        Self::of(&fs::read(Self::PATH).ok()?)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let start = bytes.windows(MAGIC.len()).position(|window| window == MAGIC)?;
        Some(Self { bytes: bytes.get(start..)?.to_vec() })
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn string(&self, offset: u32) -> Option<&[u8]> {
        self.bytes.get(offset as usize..)?.split(|&byte| byte == 0).next()
    }

    /// Where libraries of this name are that every processor can run.
    pub(super) fn paths(&self, name: &OsStr) -> impl Iterator<Item = PathBuf> {
        let count = self.word(MAGIC.len()).unwrap_or(0) as usize;
        (0..count).map_while(|index| self.entry(HEADER + index * ENTRY)).filter_map(move |entry| {
            let [flags, key, value, _, hardware_low, hardware_high] = entry;
            let fits = flags == X86_64 && hardware_low == 0 && hardware_high == 0;
            let is_it = fits && self.string(key) == Some(name.as_bytes());
            is_it.then(|| self.string(value)).flatten().map(|path| PathBuf::from(OsStr::from_bytes(path)))
        })
    }

    /// Flags, name, path, version, hardware.
    fn entry(&self, at: usize) -> Option<[u32; 6]> {
        let mut words = [0; 6];
        for (index, word) in words.iter_mut().enumerate() {
            *word = self.word(at + index * 4)?;
        }
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: &[(u32, &str, &str, u32)]) -> Vec<u8> {
        let mut strings = Vec::new();
        let mut words = Vec::new();
        let base = HEADER + entries.len() * ENTRY;
        for (flags, name, path, hardware) in entries {
            let mut place = |text: &str| {
                let at = base + strings.len();
                strings.extend_from_slice(text.as_bytes());
                strings.push(0);
                at as u32
            };
            words.extend([*flags, place(name), place(path), 0, 0, *hardware]);
        }
        let mut bytes = [b"ld.so-1.7.0\0", MAGIC].concat();
        bytes.extend((entries.len() as u32).to_le_bytes());
        bytes.resize(12 + HEADER, 0);
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn entries_are_found_by_name_and_machine() {
        let bytes = cache(&[
            (0x0803, "liba.so.1", "/lib32/liba.so.1", 0),
            (X86_64, "liba.so.1", "/fast/liba.so.1", 1 << 30),
            (X86_64, "liba.so.1", "/lib/liba.so.1", 0),
            (X86_64, "libb.so.1", "/lib/libb.so.1", 0),
        ]);
        let cache = Cache::of(&bytes).expect("a cache");
        let paths = |name: &str| cache.paths(OsStr::new(name)).collect::<Vec<_>>();
        assert_eq!(paths("liba.so.1"), [PathBuf::from("/lib/liba.so.1")]);
        assert!(paths("liba").is_empty());
    }

    #[test]
    fn a_damaged_cache_has_no_entries() {
        assert!(Cache::of(b"something else").is_none());
        let mut bytes = cache(&[(X86_64, "liba.so.1", "/lib/liba.so.1", 0)]);
        bytes.truncate(12 + HEADER + 10);
        let cut = Cache::of(&bytes).expect("a magic");
        assert_eq!(cut.paths(OsStr::new("liba.so.1")).count(), 0);
    }
}
