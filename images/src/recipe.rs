//! What an `image.toml` says.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::memory_size;
use crate::origin::Origin;

/// A recipe, read and checked. Nothing is fetched by reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The name of the recipe's folder.
    pub name: String,
    /// What the program is, in one line.
    pub description: String,
    /// Where the program comes from.
    pub origin: Origin,
    /// The arguments to give when the user gives none, without `argv[0]`.
    pub arguments: Vec<String>,
    /// The guest's environment.
    pub environment: BTreeMap<String, String>,
    /// The memory the guest should have, in bytes.
    pub memory: Option<u64>,
    /// A folder of the recipe to show the guest as its root; absolute.
    pub root: Option<PathBuf>,
    /// All that decides what is fetched: the text of the recipe and of the C file it compiles.
    pub(crate) content: Vec<u8>,
}

/// The file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    description: String,
    from: Origin,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    memory: Option<String>,
    root: Option<PathBuf>,
}

impl Recipe {
    /// Reads the recipe in the folder `directory`.
    ///
    /// # Errors
    /// [`Error::NotARecipe`] without an `image.toml`, [`Error::BadRecipe`] with one that is wrong.
    pub fn load(directory: &Path) -> Result<Recipe, Error> {
        let file = directory.join("image.toml");
        let text = fs::read_to_string(&file).map_err(|source| match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NotARecipe(directory.to_owned()),
            ErrorKind::InvalidData => Error::BadRecipe { path: file.clone(), why: "not UTF-8 text".to_owned() },
            _ => Error::Io { action: "read", path: file.clone(), source },
        })?;
        let directory = fs::canonicalize(directory).map_err(Error::io("find", directory))?;
        let mut recipe =
            Recipe::parse(&text, &directory).map_err(|why| Error::BadRecipe { path: file.clone(), why })?;
        if let Origin::C(source) = &mut recipe.origin {
            let code = fs::read(&source.file).map_err(Error::io("read", &source.file))?;
            recipe.content.push(0);
            recipe.content.extend(code);
        }
        if let Some(root) = recipe.root.as_ref().filter(|root| !root.is_dir()) {
            let why = format!("`root`: there is no folder {}", root.display());
            return Err(Error::BadRecipe { path: file, why });
        }
        Ok(recipe)
    }

    /// Understands the text of an `image.toml` in the folder `directory`; says why not in words.
    fn parse(text: &str, directory: &Path) -> Result<Recipe, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let mut origin = written.from;
        if let Some(path) = origin.path().filter(|path| !stays_below(path.as_ref())) {
            return Err(format!("`path`: `{path}` must be a path inside the package, without `..`"));
        }
        if let Some(word) = origin.words().iter().find(|word| !is_plain(word)) {
            return Err(format!("`{word}` is no name, version or tag"));
        }
        match &mut origin {
            Origin::Pypi(package) if package.platforms.is_empty() => {
                return Err("`platforms` is empty: name the wheel's platform tags".to_owned());
            }
            Origin::C(source) => source.file = directory.join(&source.file),
            _ => {}
        }
        if let Some(name) = written.environment.keys().find(|name| name.is_empty() || name.contains('=')) {
            return Err(format!("`{name}` is no name of an environment variable"));
        }
        let texts = written.arguments.iter().chain(written.environment.keys()).chain(written.environment.values());
        if texts.into_iter().any(|text| text.contains('\0')) {
            return Err("arguments and environment cannot hold a NUL".to_owned());
        }
        let memory = match written.memory {
            None => None,
            Some(text) => Some(
                memory_size::parse(&text)
                    .ok_or_else(|| format!("`memory`: {text:?} is no amount such as \"64M\" or \"1G\""))?,
            ),
        };
        if let Some(root) = written.root.as_ref().filter(|root| !stays_below(root)) {
            return Err(format!("`root`: {} must be a folder of the recipe", root.display()));
        }
        let name = directory.file_name().map_or_else(|| "image".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Recipe {
            name,
            description: written.description,
            origin,
            arguments: written.arguments,
            environment: written.environment,
            memory,
            root: written.root.map(|root| directory.join(root)),
            content: text.as_bytes().to_vec(),
        })
    }
}

/// Whether a path names something below the folder it is relative to.
fn stays_below(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Whether a word can be passed to a client: never taken for an option, nor for a list of things.
fn is_plain(word: &str) -> bool {
    let mut characters = word.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '@' || first == '/')
        && characters.all(|other| other.is_ascii_alphanumeric() || "+-._~:/@".contains(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::DebianPackage;

    fn parse(text: &str) -> Result<Recipe, String> {
        Recipe::parse(text, Path::new("/recipes/tool"))
    }

    const DEBIAN: &str = "description = 'a tool'\n[from.debian]\npackage = 'tool-static'\npath = 'bin/tool'\n";

    #[test]
    fn a_short_recipe() {
        let recipe = parse(DEBIAN).unwrap();
        assert_eq!(recipe.name, "tool");
        assert_eq!(recipe.description, "a tool");
        let package = DebianPackage { package: "tool-static".to_owned(), version: None, path: "bin/tool".to_owned() };
        assert_eq!(recipe.origin, Origin::Debian(package));
        assert_eq!((recipe.memory, recipe.root), (None, None));
        assert!(recipe.arguments.is_empty() && recipe.environment.is_empty());
    }

    #[test]
    fn everything_said() {
        let recipe = parse(
            "description = 'a tool'\narguments = ['-v', 'a b']\nmemory = '64M'\nroot = 'files'\n\
             environment = { HOME = '/', A = 'b=c' }\n\
             [from.pypi]\npackage = 'tool'\nversion = '1.2'\npath = 'x/tool'\nplatforms = ['any']\n",
        )
        .unwrap();
        assert_eq!(recipe.arguments, ["-v", "a b"]);
        assert_eq!(recipe.memory, Some(64 << 20));
        assert_eq!(recipe.root.as_deref(), Some(Path::new("/recipes/tool/files")));
        assert_eq!(recipe.environment["A"], "b=c");
        assert_eq!(recipe.origin.version(), Some("1.2"));
    }

    #[test]
    fn a_c_file_is_static_unless_said() {
        let text = "description = 'x'\n[from.c]\nfile = 'x.c'\n";
        let Origin::C(source) = parse(text).unwrap().origin else { panic!("not a C file") };
        assert_eq!(source.file, Path::new("/recipes/tool/x.c"));
        assert_eq!((source.compiler.as_str(), source.flags.join(" ").as_str()), ("cc", "-O2 -static"));
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            (String::new(), "description"),
            ("description = 'x'".to_owned(), "from"),
            ("description = 'x'\n[from]".to_owned(), "from"),
            (format!("colour = 'red'\n{DEBIAN}"), "colour"),
            (format!("{DEBIAN}[from.c]\nfile = 'x.c'"), "from"),
            (format!("{DEBIAN}sha = 'x'"), "sha"),
            (format!("memory = '64 MB'\n{DEBIAN}"), "64 MB"),
            (format!("root = '../..'\n{DEBIAN}"), "root"),
            (format!("root = '/etc'\n{DEBIAN}"), "root"),
            (format!("environment = {{ 'A=B' = '' }}\n{DEBIAN}"), "A=B"),
            (format!("arguments = [\"a\\u0000\"]\n{DEBIAN}"), "NUL"),
            (format!("{DEBIAN}version = '--option'"), "--option"),
            (format!("{DEBIAN}version = '1 2'"), "1 2"),
            (DEBIAN.replace("bin/tool", "/etc/passwd"), "/etc/passwd"),
            (DEBIAN.replace("bin/tool", "bin/../../tool"), "bin/../../tool"),
            (DEBIAN.replace("bin/tool", ""), "path inside"),
            ("description = 'x'\n[from.pypi]\npackage='a'\nversion='1'\npath='a'\nplatforms=[]".into(), "platforms"),
        ];
        for (text, word) in cases {
            let why = parse(&text).expect_err(&text);
            assert!(why.contains(word), "{text}\nsays: {why}");
        }
    }

    #[test]
    fn a_folder_without_image_toml_is_no_recipe() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Recipe::load(folder.path()), Err(Error::NotARecipe(_))));
        assert!(matches!(Recipe::load(&folder.path().join("absent")), Err(Error::NotARecipe(_))));
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(Recipe::load(&file), Err(Error::NotARecipe(_))));
    }

    #[test]
    fn a_missing_root_or_c_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image.toml");
        fs::write(&file, format!("root = 'files'\n{DEBIAN}")).unwrap();
        assert!(Recipe::load(folder.path()).unwrap_err().to_string().contains("no folder"));
        fs::create_dir(folder.path().join("files")).unwrap();
        assert!(Recipe::load(folder.path()).unwrap().root.unwrap().is_absolute());
        fs::write(&file, "description = 'x'\n[from.c]\nfile = 'x.c'\n").unwrap();
        assert!(Recipe::load(folder.path()).unwrap_err().to_string().contains("x.c"));
    }
}
