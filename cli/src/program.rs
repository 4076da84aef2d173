//! Which program is to run: a recipe, a file of the host, or a path in the machine's root.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::IsTerminal;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use birgus_loader::Source;

use crate::failure::{Context, Failure, Result};
use crate::libraries::Collection;
use crate::memory_file;
use crate::memory_size::MemorySize;

/// A program and what comes with it.
pub(crate) struct Program {
    /// The host's file; `None`: the program is at `exec_name` in the root.
    pub(crate) file: Option<File>,
    /// Where the machine finds it: `AT_EXECFN`, `/proc/self/exe`.
    pub(crate) exec_name: Vec<u8>,
    /// `argv[0]`.
    pub(crate) name: OsString,
    /// The arguments when the user gives none.
    pub(crate) default_arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) memory: Option<MemorySize>,
    pub(crate) root: Option<PathBuf>,
    /// The program, at `exec_name`, and what it needs.
    pub(crate) files: Option<Collection>,
}

impl Program {
    /// The program at this path of the machine's root.
    pub(crate) fn in_root(path: &OsStr) -> Self {
        Self::named(path, path.as_bytes().to_vec(), None)
    }

    /// The program that a word of the command line means on this host: a recipe's folder, or a file. A word without a
    /// slash is looked for in the current directory, then in `PATH`.
    pub(crate) fn on_host(word: &OsStr) -> Result<Self> {
        let path = find(word)?;
        if path.join("image.toml").is_file() {
            return Self::of_recipe(&path);
        }
        let file = open(&path, Executable::Must)?;
        Ok(Self::named(word, exec_name(&path), Some(file)))
    }

    /// A dynamic program of this host with its interpreter and libraries, and further paths.
    pub(crate) fn with_libraries(word: &OsStr, also: &[PathBuf]) -> Result<Self> {
        let path = find(word)?;
        let absolute = |path: &Path| std::path::absolute(path).context(format_args!("{}", path.display()));
        let path = absolute(&path)?;
        check(&path, Executable::Must)?;
        let mut files = Collection::new();
        files.add_program(&path)?;
        for path in also {
            files.add(&absolute(path)?)?;
        }
        Ok(Self { files: Some(files), ..Self::named(word, path.into_os_string().into_vec(), None) })
    }

    fn of_recipe(folder: &Path) -> Result<Self> {
        let prepared = prepare(folder)?;
        let file = open(&prepared.program, Executable::MayBe)?;
        let name = prepared.program.file_name().unwrap_or(prepared.name.as_ref()).to_owned();
        Ok(Self {
            default_arguments: prepared.arguments,
            environment: prepared.environment,
            memory: prepared.memory.map(MemorySize::at_least),
            root: prepared.root,
            ..Self::named(&name, exec_name(Path::new(&name)), Some(file))
        })
    }

    fn named(name: &OsStr, exec_name: Vec<u8>, file: Option<File>) -> Self {
        Self {
            file,
            exec_name,
            name: name.to_owned(),
            default_arguments: Vec::new(),
            environment: Vec::new(),
            memory: None,
            root: None,
            files: None,
        }
    }
}

/// The file that a word of the command line means, whether a machine can run it or not: a recipe's program, or a file.
pub(crate) fn file_on_host(word: &OsStr) -> Result<PathBuf> {
    let path = find(word)?;
    if path.join("image.toml").is_file() { Ok(prepare(&path)?.program) } else { Ok(path) }
}

/// Makes a recipe ready, with lines about it for a person who waits.
fn prepare(folder: &Path) -> Result<birgus_images::Prepared> {
    let mut progress = |line: &str| {
        if std::io::stderr().is_terminal() {
            eprintln!("birgus: {line}");
        }
    };
    birgus_images::prepare(folder, &mut progress).context(format_args!("cannot prepare {}", folder.display()))
}

/// The program's place in the machine: an absolute path of the host stays, anything else is in `/bin`, so that
/// nothing is told of the host that the user has not said.
fn exec_name(path: &Path) -> Vec<u8> {
    if path.is_absolute() {
        return path.as_os_str().as_bytes().to_vec();
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    [b"/bin/", name.as_bytes()].concat()
}

fn find(word: &OsStr) -> Result<PathBuf> {
    let here = PathBuf::from(word);
    if word.is_empty() {
        return Err(Failure::not_found("the program's name is empty"));
    }
    if word.as_bytes().contains(&b'/') || here.exists() {
        return Ok(here);
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).map(|folder| folder.join(word)).find(|path| path.is_file()).ok_or_else(|| {
        Failure::not_found(format!("{}: no such file here or in PATH", here.display()))
            .mend("the path of a static Linux program, or of a recipe such as images/hello")
    })
}

/// Whether a file must have an execute permission.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Executable {
    Must,
    MayBe,
}

/// Opens a program after a look whether the machine can run it, so that what is wrong is said at once.
fn open(path: &Path, executable: Executable) -> Result<File> {
    let (file, interpreter) = check(path, executable)?;
    let Some(interpreter) = interpreter else { return Ok(file) };
    let (name, interpreter) = (path.display(), OsString::from_vec(interpreter));
    Err(Failure::not_runnable(format!(
        "{name} is dynamically linked: it needs the interpreter {} and its libraries",
        interpreter.display()
    ))
    .mend("--with-libs, which takes them along, or --rootfs with a directory that holds program and libraries"))
}

/// Opens a program after such a look; gives its interpreter, too.
fn check(path: &Path, executable: Executable) -> Result<(File, Option<Vec<u8>>)> {
    let name = path.display();
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            Failure::not_found(format!("{name}: no such file"))
        }
        _ => Failure::not_runnable(format!("{name}: {error}")),
    })?;
    if metadata.is_dir() {
        return Err(Failure::not_runnable(format!("{name} is a directory"))
            .mend("a program in it, or a folder with an image.toml"));
    }
    if executable == Executable::Must && metadata.is_file() && metadata.permissions().mode() & 0o111 == 0 {
        return Err(
            Failure::not_runnable(format!("{name}: no permission to execute it")).mend(format!("chmod +x {name}"))
        );
    }
    let file = File::open(path).map_err(|error| Failure::not_runnable(format!("{name}: {error}")))?;
    let file = if metadata.is_file() {
        file
    } else {
        memory_file::copy_of(file).map_err(|error| Failure::not_runnable(format!("{name}: {error}")))?
    };
    let plan = birgus_loader::plan(&ProgramFile::new(&file).context(format_args!("cannot read {name}"))?)
        .map_err(|error| Failure::not_runnable(format!("{name} {error}")))?;
    Ok((file, plan.interpreter))
}

/// A file as the loader reads it.
struct ProgramFile<'a> {
    file: &'a File,
    length: u64,
}

impl<'a> ProgramFile<'a> {
    fn new(file: &'a File) -> std::io::Result<Self> {
        Ok(Self { file, length: file.metadata()?.len() })
    }
}

impl Source for ProgramFile<'_> {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.file.read_exact_at(buffer, offset).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{NOT_FOUND, NOT_RUNNABLE};

    fn refused(path: &Path) -> (u8, String) {
        let Err(failure) = Program::on_host(path.as_os_str()) else { panic!("{} runs", path.display()) };
        (failure.exit_code(), failure.to_string())
    }

    #[test]
    fn what_cannot_run_is_said_before_a_machine_starts() {
        let folder = tempfile::tempdir().expect("a directory");
        assert_eq!(refused(&folder.path().join("none")).0, NOT_FOUND);
        assert_eq!(refused(Path::new("birgus-test-no-such-program")).0, NOT_FOUND);
        assert_eq!(refused(Path::new("")).0, NOT_FOUND);
        assert_eq!(refused(folder.path()).0, NOT_RUNNABLE);
        let file = folder.path().join("file");
        fs::write(&file, "hello").expect("written");
        let (code, text) = refused(&file);
        assert!(code == NOT_RUNNABLE && text.contains("chmod +x"), "{text}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("set");
        assert_eq!(refused(&file).0, NOT_RUNNABLE);
    }

    #[test]
    fn a_dynamic_program_is_refused_with_the_name_of_its_interpreter() {
        let (code, text) = refused(&env::current_exe().expect("a path"));
        assert_eq!(code, NOT_RUNNABLE);
        assert!(text.contains("/ld-linux-x86-64.so.2") && text.contains("--with-libs"), "{text}");
    }

    #[test]
    fn a_place_in_the_machine_tells_nothing_of_the_host() {
        assert_eq!(exec_name(Path::new("/bin/busybox")), b"/bin/busybox");
        assert_eq!(exec_name(Path::new("../secret/tool")), b"/bin/tool");
    }
}
