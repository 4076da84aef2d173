//! Where programs come from: the `[from.…]` tables of an `image.toml`.

use std::path::PathBuf;

use serde::Deserialize;

/// Where a program comes from: the one table below `[from]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A file of a Debian package for amd64.
    Debian(DebianPackage),
    /// Built from a Debian source package.
    DebianSource(DebianSource),
    /// A file of an npm package.
    Npm(NpmPackage),
    /// A file of a Python package's wheel.
    Pypi(PythonPackage),
    /// Compiled from a C file of the recipe.
    C(CFile),
}

/// A file of a Debian package for amd64, by `apt-get download`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebianPackage {
    /// The package's name.
    pub package: String,
    /// The version wanted. When the archive has it no longer, its present one is taken, and said so.
    pub version: Option<String>,
    /// The program's path in the package.
    pub path: String,
}

/// A program built from a Debian source package, by `apt-get source` and commands of the recipe.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DebianSource {
    /// The source package's name.
    pub package: String,
    /// The version wanted, as with [`DebianPackage`].
    pub version: Option<String>,
    /// Debian packages that the commands need, for advice when they fail.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Shell commands, run one after the other in the unpacked source.
    pub build: Vec<String>,
    /// The program's path in the source folder once it is built.
    pub path: String,
}

/// A file of an npm package, by `npm pack`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NpmPackage {
    /// The package's name, with its scope.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The program's path in the package.
    pub path: String,
}

/// A file of a Python package's wheel, by `pip download`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PythonPackage {
    /// The package's name.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The wheel's platform tags to accept, such as `musllinux_1_2_x86_64`.
    pub platforms: Vec<String>,
    /// The program's path in the wheel.
    pub path: String,
}

/// A C file of the recipe, compiled for a static program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CFile {
    /// The file, relative to the recipe's folder; recipes may share one.
    pub file: PathBuf,
    /// The compiler.
    #[serde(default = "host_compiler")]
    pub compiler: String,
    /// The compiler's flags.
    #[serde(default = "static_program")]
    pub flags: Vec<String>,
}

fn host_compiler() -> String {
    "cc".to_owned()
}

fn static_program() -> Vec<String> {
    vec!["-O2".to_owned(), "-static".to_owned()]
}

impl Origin {
    /// The version that the recipe asks for, if it asks for one.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        match self {
            Origin::Debian(package) => package.version.as_deref(),
            Origin::DebianSource(package) => package.version.as_deref(),
            Origin::Npm(package) => Some(&package.version),
            Origin::Pypi(package) => Some(&package.version),
            Origin::C(_) => None,
        }
    }

    /// The program's path in its package.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Origin::Debian(package) => Some(&package.path),
            Origin::DebianSource(package) => Some(&package.path),
            Origin::Npm(package) => Some(&package.path),
            Origin::Pypi(package) => Some(&package.path),
            Origin::C(_) => None,
        }
    }

    /// Names and versions that are passed to clients as arguments.
    pub(crate) fn words(&self) -> Vec<&str> {
        let (package, others) = match self {
            Origin::Debian(package) => (&package.package, &[][..]),
            Origin::DebianSource(package) => (&package.package, &package.needs[..]),
            Origin::Npm(package) => (&package.package, &[][..]),
            Origin::Pypi(package) => (&package.package, &package.platforms[..]),
            Origin::C(source) => (&source.compiler, &[][..]),
        };
        [package.as_str()].into_iter().chain(self.version()).chain(others.iter().map(String::as_str)).collect()
    }
}
