//! Runs a case: on this host, in the guest, and compares.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::case::{Case, Expected, Program};
use crate::outcome::{Ending, Outcome, difference};
use crate::process;
use crate::programs::Source;
use crate::workspace::{Built, Workspace};

/// A program's time, in the guest or on the host. Nothing here needs a tenth of it; it is for machines that hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The working directory of a case with files.
const HERE: &str = "here";

/// The environment that the tool gives every program (without a terminal).
const INITIAL: [(&str, &str); 2] =
    [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("HOME", "/")];

/// All that running a case needs.
pub(crate) struct Bench<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) built: Option<&'a Built>,
    pub(crate) programs: &'a [Source],
    /// `launcher.c`, built.
    pub(crate) launcher: &'a Path,
}

/// A program that is there, with what its recipe says.
struct Ready {
    /// The file on this host.
    file: PathBuf,
    /// The tool's word for it, when it does not run in a root of the case.
    word: PathBuf,
    /// `argv[0]`, then.
    name: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    memory: Option<u64>,
    root: Option<PathBuf>,
}

impl Bench<'_> {
    /// Runs a case.
    ///
    /// # Errors
    /// How the guest's run differs from what was expected.
    pub(crate) fn try_case(&self, case: &Case) -> Result<(), String> {
        let ready = self.ready(&case.program)?;
        let scratch = scratch()?;
        let wanted = match &case.expected {
            Expected::Fixed(outcome) => outcome.clone(),
            Expected::AsOnThisHost => self.on_host(case, &ready, scratch.path())?,
        };
        let scratch = self::scratch()?;
        let guest = self.in_guest(case, &ready, scratch.path())?;
        difference(&wanted, &guest, case.stderr).map_or(Ok(()), Err)
    }

    /// Runs a case twice on this host.
    ///
    /// # Errors
    /// How the second run differs from the first.
    pub(crate) fn try_natively(&self, case: &Case) -> Result<(), String> {
        if let Expected::Fixed(_) = case.expected {
            return Ok(());
        }
        let ready = self.ready(&case.program)?;
        let first = self.on_host(case, &ready, scratch()?.path())?;
        let second = self.on_host(case, &ready, scratch()?.path())?;
        if let Ending::TimedOut(_) = second.ending {
            return Err("no end on this host".to_owned());
        }
        difference(&first, &second, case.stderr).map_or(Ok(()), Err)
    }

    /// The file of a program on this host.
    ///
    /// # Errors
    /// Why it is not there.
    pub(crate) fn file(&self, program: &Program) -> Result<PathBuf, String> {
        self.ready(program).map(|ready| ready.file)
    }

    /// Runs a case on this host, and again with another file for its program.
    ///
    /// # Errors
    /// How the second run differs from the first.
    pub(crate) fn try_rewritten(&self, case: &Case, file: &Path) -> Result<(), String> {
        let ready = self.ready(&case.program)?;
        let wanted = self.on_host(case, &ready, scratch()?.path())?;
        // It is called by the same name.
        let ready = Ready { file: file.to_owned(), ..ready };
        let rewritten = self.on_host(case, &ready, scratch()?.path())?;
        difference(&wanted, &rewritten, case.stderr).map_or(Ok(()), Err)
    }

    fn ready(&self, program: &Program) -> Result<Ready, String> {
        let plain = |file: PathBuf| Ready {
            word: file.clone(),
            name: file.clone().into_os_string(),
            file,
            arguments: Vec::new(),
            environment: Vec::new(),
            memory: None,
            root: None,
        };
        match program {
            Program::Host(file) => Ok(plain(file.clone())),
            Program::Compiled(_) => Ok(plain(self.compiled(program)?)),
            Program::Recipe(name) => {
                let folder = self.workspace.root.join("images").join(name);
                let prepared = birgus_images::prepare(&folder, &mut |_| {}).map_err(|error| error.to_string())?;
                Ok(Ready {
                    word: folder,
                    name: prepared.program.file_name().unwrap_or(prepared.name.as_ref()).to_owned(),
                    file: prepared.program,
                    arguments: prepared.arguments,
                    environment: prepared.environment,
                    memory: prepared.memory,
                    root: prepared.root,
                })
            }
        }
    }

    /// Tool and kernel.
    pub(crate) fn built(&self) -> Result<&Built, String> {
        self.built.ok_or_else(|| "there is no guest".to_owned())
    }

    /// The executable of a C program.
    pub(crate) fn compiled(&self, program: &Program) -> Result<PathBuf, String> {
        let Program::Compiled(name) = program else { return Err("not a C program".to_owned()) };
        let source = self.programs.iter().find(|source| source.name == *name);
        source.map(|source| source.executable.clone()).ok_or_else(|| format!("programs/{name}.c was not built"))
    }

    fn in_guest(&self, case: &Case, ready: &Ready, scratch: &Path) -> Result<Outcome, String> {
        let mut tool = Command::new(&self.built()?.tool);
        tool.arg("run").args(case.machine.options()).args(&case.options);
        let mut variables: Vec<_> = case.environment.iter().collect();
        if case.files.is_empty() {
            tool.envs(std::env::vars_os()).current_dir(scratch);
        } else {
            let root = scratch.join("root");
            self.lay_out(&root.join(HERE), case)?;
            copy_program(&ready.file, &root.join("bin").join(base_name(ready)))?;
            tool.arg("--rootfs").arg(&root).args(["-w", &format!("/{HERE}")]);
            variables.splice(0..0, &ready.environment);
            if let (Some(memory), None) = (ready.memory, case.machine.memory) {
                tool.args(["-m", &format!("{}M", memory >> 20)]);
            }
        }
        for (name, value) in variables {
            tool.arg("-e").arg(assignment(name, value));
        }
        tool.arg(guest_name(case, ready)).args(&case.arguments);
        process::run(&mut tool, &case.stdin, LIMIT)
    }

    /// Runs the program on this host's Linux, as root if need be in a user namespace: in the guest, it is root.
    fn on_host(&self, case: &Case, ready: &Ready, scratch: &Path) -> Result<Outcome, String> {
        let here = scratch.join(HERE);
        self.lay_out(&here, case)?;
        let mut command = if rustix::process::geteuid().is_root() {
            Command::new(self.launcher)
        } else {
            let mut unshare = Command::new("unshare");
            unshare.args(["--map-root-user", "--"]).arg(self.launcher);
            unshare
        };
        let environment = environment(case, ready);
        command.arg(&ready.file).arg(environment.len().to_string()).args(environment).arg(argv0(case, ready));
        command.args(if case.arguments.is_empty() { &ready.arguments } else { &case.arguments });
        command.current_dir(match (&ready.root, case.files.is_empty()) {
            (Some(root), true) => root,
            _ => &here,
        });
        process::run(&mut command, &case.stdin, LIMIT)
    }

    /// Writes the case's files.
    fn lay_out(&self, folder: &Path, case: &Case) -> Result<(), String> {
        let write = || {
            fs::create_dir_all(folder)?;
            for (path, content) in &case.files {
                let file = folder.join(path);
                fs::create_dir_all(file.parent().expect("below the folder"))?;
                fs::write(file, content)?;
            }
            Ok::<_, std::io::Error>(())
        };
        write().map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
        case.companions
            .iter()
            .try_for_each(|(path, program)| copy_program(&self.ready(program)?.file, &folder.join(path)))
    }
}

/// The program as the tool is given it.
fn guest_name(case: &Case, ready: &Ready) -> OsString {
    if case.files.is_empty() { ready.word.clone().into() } else { argv0(case, ready) }
}

/// The program's `argv[0]`, in the guest and so on this host.
fn argv0(case: &Case, ready: &Ready) -> OsString {
    if case.files.is_empty() { ready.name.clone() } else { Path::new("/bin").join(base_name(ready)).into() }
}

fn base_name(ready: &Ready) -> OsString {
    ready.file.file_name().expect("a program has a name").to_owned()
}

/// The program's variables, as the tool gives them: a later one takes the place of an earlier one of its name.
fn environment(case: &Case, ready: &Ready) -> Vec<OsString> {
    let initial = INITIAL.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    for (name, value) in initial.iter().chain(&ready.environment).chain(&case.environment) {
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => old.clone_from(value),
            None => variables.push((name.clone(), value.clone())),
        }
    }
    variables.iter().map(|(name, value)| assignment(name, value)).collect()
}

fn assignment(name: &OsStr, value: &OsStr) -> OsString {
    [name, OsStr::new("="), value].into_iter().collect()
}

fn copy_program(file: &Path, to: &Path) -> Result<(), String> {
    let copy = || {
        fs::create_dir_all(to.parent().expect("in bin"))?;
        fs::copy(file, to)?;
        Ok::<_, std::io::Error>(())
    };
    copy().map_err(|error| format!("cannot copy {}: {error}", file.display()))
}

/// A new folder, in memory when this host has such a file system: the guest's root is a tmpfs, and what a program can
/// see of its file system should be the same.
pub(crate) fn scratch() -> Result<TempDir, String> {
    let in_memory = Path::new("/dev/shm");
    let folder = if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() };
    folder.map_err(|error| format!("no temporary folder: {error}"))
}
