//! The QEMU of this host.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result};

const NAME: &str = "qemu-system-x86_64";

/// An installed QEMU.
#[derive(Clone, Debug)]
pub(crate) struct Qemu {
    path: PathBuf,
}

/// QEMU's version: major, minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

impl Version {
    /// The oldest that has all the tool asks for.
    pub(crate) const OLDEST: Self = Self(7, 0);

    fn parse(text: &str) -> Option<Self> {
        let numbers = text.strip_prefix("QEMU emulator version ")?;
        let mut parts = numbers.split(|letter: char| !letter.is_ascii_digit());
        Some(Self(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Qemu {
    /// The one that `BIRGUS_QEMU` names, otherwise the first in `PATH`.
    pub(crate) fn find() -> Result<Self> {
        let path = env::var_os("BIRGUS_QEMU").filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = path.or_else(|| {
            let folders = env::var_os("PATH")?;
            env::split_paths(&folders).map(|folder| folder.join(NAME)).find(|path| path.is_file())
        });
        match path {
            Some(path) => Ok(Self { path }),
            None => Err(Failure::new(format!("no {NAME} in PATH")).mend(Self::INSTALL)),
        }
    }

    /// How it comes onto a host.
    pub(crate) const INSTALL: &str =
        "apt-get install qemu-system-x86 (Debian, Ubuntu), dnf install qemu-system-x86-core (Fedora)";

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks it for its version.
    pub(crate) fn version(&self) -> Option<Version> {
        let output = Command::new(&self.path).arg("--version").output().ok()?;
        Version::parse(&String::from_utf8_lossy(&output.stdout))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright";
        assert_eq!(Version::parse(debian), Some(Version(7, 2)));
        assert_eq!(Version::parse("QEMU emulator version 10.0.2"), Some(Version(10, 0)));
        assert_eq!(Version::parse("busybox"), None);
        assert!(Version(10, 0) > Version::OLDEST && Version(6, 2) < Version::OLDEST);
    }
}
