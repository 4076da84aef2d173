//! The machine's package sources, as sources of source packages.
//!
//! `apt-get source` reads `deb-src` entries, which few machines have. They are derived from the `deb` entries that
//! all have: the same places, suites, options and keys. Formats: sources.list(5).

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The files that the derived sources are in, in apt's two formats.
pub(crate) struct Derived {
    /// One-line entries, for `Dir::Etc::sourcelist`.
    pub(crate) list: PathBuf,
    /// A folder with one file of stanzas, for `Dir::Etc::sourceparts`.
    pub(crate) parts: PathBuf,
}

/// Writes source entries for what `sources.list` and `sources.list.d` in the folder `etc` name, into the folder
/// `into`.
pub(crate) fn derive(etc: &Path, into: &Path) -> Result<Derived, Error> {
    let mut lines = Entries::default();
    let mut stanzas = Entries::default();
    for file in files(etc) {
        let text = fs::read(&file).map_err(Error::io("read", &file))?;
        let text = String::from_utf8_lossy(&text);
        if file.extension().is_some_and(|end| end == "sources") {
            text.replace("\r\n", "\n").split("\n\n").filter_map(from_stanza).for_each(|stanza| stanzas.add(stanza));
        } else {
            text.lines().filter_map(from_line).for_each(|line| lines.add(line));
        }
    }
    if lines.0.is_empty() && stanzas.0.is_empty() {
        return Err(Error::NoPackageSources(etc.to_owned()));
    }
    let derived = Derived { list: into.join("sources.list"), parts: into.join("sources.list.d") };
    fs::create_dir_all(&derived.parts).map_err(Error::io("create", &derived.parts))?;
    let stanza_file = derived.parts.join("machine.sources");
    fs::write(&derived.list, lines.0.concat()).map_err(Error::io("write", &derived.list))?;
    fs::write(&stanza_file, stanzas.0.join("\n")).map_err(Error::io("write", &stanza_file))?;
    Ok(derived)
}

/// Entries without doubles: a machine may have both `deb` and `deb-src` of one place, and apt complains of doubles.
#[derive(Default)]
struct Entries(Vec<String>);

impl Entries {
    fn add(&mut self, entry: String) {
        if !self.0.contains(&entry) {
            self.0.push(entry);
        }
    }
}

/// The files that apt reads: `sources.list`, and those in `sources.list.d` whose names it accepts.
fn files(etc: &Path) -> Vec<PathBuf> {
    let accepted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || "_-.".contains(character));
        plain && (name.ends_with(".list") || name.ends_with(".sources")) && path.is_file()
    };
    let parts = fs::read_dir(etc.join("sources.list.d")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut parts: Vec<PathBuf> = parts.filter(accepted).collect();
    parts.sort();
    [etc.join("sources.list")].into_iter().filter(|list| list.is_file()).chain(parts).collect()
}

/// A one-line entry `deb [ option=value … ] uri suite [component …]` as one of source packages.
fn from_line(line: &str) -> Option<String> {
    let line = line.split('#').next()?.trim();
    let (kind, rest) = line.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let place = if rest.starts_with('[') { rest.split_once(']')?.1.trim_start() } else { rest };
    (matches!(kind, "deb" | "deb-src") && is_fetchable(place)).then(|| format!("deb-src {rest}\n"))
}

/// A stanza of the newer format as one of source packages. All other fields stay as they are, a key written out
/// over several lines in `Signed-By` too.
fn from_stanza(stanza: &str) -> Option<String> {
    let mut derived = String::new();
    let (mut has_kind, mut has_place) = (false, false);
    let mut field = String::new();
    for line in stanza.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let value = if line.starts_with([' ', '\t']) {
            line
        } else {
            let (name, value) = line.split_once(':')?;
            field = name.trim_end().to_ascii_lowercase();
            value
        };
        let mut words = value.split_whitespace();
        match field.as_str() {
            "types" => {
                has_kind |= words.any(|kind| matches!(kind, "deb" | "deb-src"));
                continue;
            }
            "enabled" if words.any(is_no) => return None,
            "uris" => {
                let places: Vec<&str> = words.collect();
                if !places.iter().all(|place| is_fetchable(place)) {
                    return None;
                }
                has_place |= !places.is_empty();
            }
            _ => {}
        }
        derived.push_str(line);
        derived.push('\n');
    }
    (has_kind && has_place).then(|| format!("Types: deb-src\n{derived}"))
}

/// Whether packages can be had from a place without somebody putting in a disc.
fn is_fetchable(place: &str) -> bool {
    !place.is_empty() && !place.starts_with("cdrom:")
}

/// The words that apt takes for "no".
fn is_no(word: &str) -> bool {
    ["no", "false", "without", "off", "disable", "0"].contains(&word.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_entries() {
        let derived = |line| from_line(line).unwrap_or_default();
        assert_eq!(
            derived("deb http://archive.example/debian stable main contrib"),
            "deb-src http://archive.example/debian stable main contrib\n"
        );
        assert_eq!(
            derived("  deb\t[arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://a.example/ ./  # ours"),
            "deb-src [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://a.example/ ./\n"
        );
        assert_eq!(derived("deb-src http://a.example/ stable main"), "deb-src http://a.example/ stable main\n");
        for none in [
            "",
            "# deb http://a.example/ stable main",
            "deb",
            "deb ",
            "rpm http://a.example/ stable main",
            "deb cdrom:[Debian 12]/ stable main",
            "deb [trusted=yes] cdrom:[Debian 12]/ stable main",
            "deb [signed-by=/a",
        ] {
            assert_eq!(from_line(none), None, "{none:?}");
        }
    }

    #[test]
    fn stanzas() {
        let stanza = "# ours\nTypes: deb\nURIs: http://a.example/debian\nSuites: stable stable-updates\n\
                      # a comment\nComponents: main\nSigned-By: /usr/share/keyrings/a.gpg\n";
        assert_eq!(
            from_stanza(stanza).unwrap(),
            "Types: deb-src\nURIs: http://a.example/debian\nSuites: stable stable-updates\nComponents: main\n\
             Signed-By: /usr/share/keyrings/a.gpg\n"
        );
    }

    #[test]
    fn a_key_written_out_stays_whole() {
        let key = "Signed-By:\n -----BEGIN PGP-----\n .\n mDMEY\n -----END PGP-----\n";
        let stanza =
            format!("Suites: stable\nTypes: deb deb-src\n{key}URIs:\n http://a.example/\n http://b.example/\n");
        assert_eq!(
            from_stanza(&stanza).unwrap(),
            format!("Types: deb-src\nSuites: stable\n{key}URIs:\n http://a.example/\n http://b.example/\n")
        );
    }

    #[test]
    fn stanzas_that_give_nothing() {
        let place = "URIs: http://a.example/\nSuites: stable\n";
        for none in [
            String::new(),
            "# only a comment\n".to_owned(),
            place.to_owned(),
            "Types: deb\nSuites: stable\n".to_owned(),
            format!("Types: rpm\n{place}"),
            format!("types: deb\nenabled: No\n{place}"),
            format!("Types: deb\n{place}Enabled: 0\n"),
            "Types: deb\nURIs: cdrom:[Debian 12]/\nSuites: stable\n".to_owned(),
            format!("nonsense\n{place}"),
        ] {
            assert_eq!(from_stanza(&none), None, "{none:?}");
        }
        assert!(from_stanza(&format!("TYPES: deb\nEnabled: yes\n{place}")).is_some());
    }

    #[test]
    fn all_files_of_a_machine_without_doubles() {
        let etc = tempfile::tempdir().unwrap();
        let parts = etc.path().join("sources.list.d");
        fs::create_dir(&parts).unwrap();
        let line = "http://a.example/ stable main";
        fs::write(etc.path().join("sources.list"), format!("deb {line}\ndeb-src {line}\n")).unwrap();
        let stanza = |place| format!("Types: deb\nURIs: http://{place}.example/\nSuites: stable\n");
        fs::write(parts.join("b.sources"), format!("{}\n\n\n{}\r\n", stanza("b"), stanza("b2"))).unwrap();
        fs::write(parts.join("c.list"), "deb http://c.example/ stable main").unwrap();
        fs::write(parts.join("d.list.disabled"), "deb http://d.example/ stable main").unwrap();
        fs::write(parts.join("e f.list"), "deb http://e.example/ stable main").unwrap();
        let into = tempfile::tempdir().unwrap();
        let derived = derive(etc.path(), into.path()).unwrap();
        assert_eq!(
            fs::read_to_string(derived.list).unwrap(),
            "deb-src http://a.example/ stable main\ndeb-src http://c.example/ stable main\n"
        );
        let source = |place| format!("Types: deb-src\nURIs: http://{place}.example/\nSuites: stable\n");
        assert_eq!(
            fs::read_to_string(derived.parts.join("machine.sources")).unwrap(),
            format!("{}\n{}", source("b"), source("b2"))
        );
    }

    #[test]
    fn a_machine_without_sources_says_so() {
        let empty = tempfile::tempdir().unwrap();
        let error = derive(empty.path(), &empty.path().join("into")).err().unwrap();
        assert!(matches!(error, Error::NoPackageSources(_)), "{error}");
    }
}
