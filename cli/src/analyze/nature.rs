//! What kind of program it is: how it is linked, and which C library and language's runtime is in it. The latter are
//! guesses by texts that these carry.

use birgus_rewriter::analysis::Program;
use birgus_rewriter::elf::File;
use serde::Serialize;

/// A program's nature.
#[derive(Debug, Serialize)]
pub(super) struct Nature {
    pub(super) architecture: &'static str,
    pub(super) linkage: Linkage,
    /// The dynamic linker's path.
    pub(super) interpreter: Option<String>,
    pub(super) libc: Option<String>,
    pub(super) runtime: Option<String>,
    /// Whether its own code is compressed, so that its sites cannot be seen.
    pub(super) packed: bool,
}

/// How it is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Linkage {
    Static,
    StaticPie,
    Dynamic,
}

impl Linkage {
    pub(super) fn word(self) -> &'static str {
        match self {
            Linkage::Static => "static",
            Linkage::StaticPie => "static, position-independent",
            Linkage::Dynamic => "dynamic",
        }
    }
}

pub(super) fn of(file: &File<'_>, program: &Program<'_>, bytes: &[u8]) -> Nature {
    let interpreter = file.interpreter().map(|path| String::from_utf8_lossy(path).into_owned());
    let linkage = match (&interpreter, file.is_fixed()) {
        (Some(_), _) => Linkage::Dynamic,
        (None, true) => Linkage::Static,
        (None, false) => Linkage::StaticPie,
    };
    Nature {
        architecture: "x86-64",
        linkage,
        libc: libc(bytes, interpreter.as_deref()),
        runtime: runtime(file, program, bytes).map(str::to_owned),
        packed: contains(bytes, b"UPX!") && contains(bytes, b"$Info: This file is packed with the UPX"),
        interpreter,
    }
}

/// The C library: a dynamic program's by its linker, a static one's by what it says of itself.
fn libc(bytes: &[u8], interpreter: Option<&str>) -> Option<String> {
    if let Some(path) = interpreter {
        let name = path.rsplit('/').next().unwrap_or_default();
        return match name {
            _ if name.starts_with("ld-linux") => Some("glibc".to_owned()),
            _ if name.starts_with("ld-musl") => Some("musl".to_owned()),
            _ => None,
        };
    }
    // Its own tunables; a static program lacks the banner with the version.
    if contains(bytes, b"GLIBC_TUNABLES") {
        return Some("glibc".to_owned());
    }
    // What musl's strerror says for 0.
    contains(bytes, b"No error information\0").then(|| "musl".to_owned())
}

fn runtime(file: &File<'_>, program: &Program<'_>, bytes: &[u8]) -> Option<&'static str> {
    if file.is_go(program) {
        return Some("Go");
    }
    let marks: [(&[u8], &str); 4] = [
        (b"GHC version %s for %s", "Haskell (GHC)"),
        (b"Node.js is only supported", "Node.js"),
        (b"RUST_BACKTRACE", "Rust"),
        (b"__gxx_personality_v0", "C++"),
    ];
    marks.into_iter().find(|(text, _)| contains(bytes, text)).map(|(_, name)| name)
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    find(bytes, text).is_some()
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    let first = *text.first()?;
    let mut from = 0;
    while let Some(next) = bytes.get(from..)?.iter().position(|&byte| byte == first) {
        let place = from + next;
        if bytes[place..].starts_with(text) {
            return Some(place);
        }
        from = place + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_c_library_is_told_by_its_linker_or_its_texts() {
        assert_eq!(libc(b"", Some("/lib64/ld-linux-x86-64.so.2")).as_deref(), Some("glibc"));
        assert_eq!(libc(b"", Some("/lib/ld-musl-x86_64.so.1")).as_deref(), Some("musl"));
        assert_eq!(libc(b"GGLIBC_TUNABLES\0", None).as_deref(), Some("glibc"));
        assert_eq!(libc(b"NNo error information\0", None).as_deref(), Some("musl"));
        assert_eq!(libc(b"No error informatio", None), None);
    }
}
