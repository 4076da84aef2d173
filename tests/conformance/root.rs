//! The files of a machine that runs tests: the tests of a few areas, a shell, and the accounts they look for.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::{NamedTempFile, TempDir, TempPath};
use walkdir::WalkDir;

use crate::suite::Entry;

/// Where tests find their companions.
const PROGRAMS: &str = "opt/ltp/testcases/bin";

/// What tests start by name, all by one file.
const APPLETS: [&str; 22] = [
    "awk", "cat", "chmod", "cp", "cut", "dd", "echo", "false", "grep", "kill", "ls", "mkdir", "mv", "ps", "rm",
    "rmdir", "sed", "sh", "sleep", "true", "uname", "useradd",
];

const FILES: [(&str, &str); 5] = [
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/sh\nbin:x:2:2:bin:/bin:/bin/sh\n\
         nobody:x:65534:65534:nobody:/:/bin/sh\n",
    ),
    ("etc/group", "root:x:0:\ndaemon:x:1:\nbin:x:2:\nsys:x:3:\nusers:x:100:\nnogroup:x:65534:\nnobody:x:65533:\n"),
    ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("etc/mtab", ""),
];

/// Where the built tests are.
pub(crate) struct Programs {
    /// The executables of each area, beside each other.
    areas: HashMap<String, Vec<PathBuf>>,
}

impl Programs {
    /// Looks for executables below `testcases/kernel/syscalls`.
    ///
    /// # Errors
    /// None is there.
    pub(crate) fn find(ltp: &Path) -> Result<Self, String> {
        let kernel = ltp.join("testcases/kernel");
        let folder = kernel.join("syscalls");
        let mut areas: HashMap<String, Vec<PathBuf>> = HashMap::new();
        // The tests of pipes lie beside the others.
        let folders = [&folder, &kernel.join("ipc")];
        for found in folders.into_iter().flat_map(|folder| WalkDir::new(folder).into_iter().filter_map(Result::ok)) {
            let path = found.path();
            let executable = found.file_type().is_file()
                && found.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
            if let (true, Some(parent)) = (executable, path.parent()) {
                let area = parent
                    .strip_prefix(&folder)
                    .or_else(|_| parent.strip_prefix(&kernel))
                    .unwrap_or(parent)
                    .to_string_lossy()
                    .into_owned();
                areas.entry(area).or_default().push(path.to_owned());
            }
        }
        match areas.is_empty() {
            true => Err(format!("no built test in {}", folder.display())),
            false => Ok(Self { areas }),
        }
    }

    /// Lays out a root with all programs of the areas of `entries`.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn root(&self, init: &Path, entries: &[Entry]) -> Result<TempDir, String> {
        let root = scratch()?;
        self.fill(root.path(), init, entries).map_err(|error| format!("cannot write a root: {error}"))?;
        Ok(root)
    }

    fn fill(&self, root: &Path, init: &Path, entries: &[Entry]) -> std::io::Result<()> {
        for folder in ["bin", "etc", "tmp", "root", "dev", "proc", "sys", "var/tmp", "mnt", PROGRAMS] {
            fs::create_dir_all(root.join(folder))?;
        }
        for (name, content) in FILES {
            fs::write(root.join(name), content)?;
        }
        fs::copy(init, root.join("init"))?;
        fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
        fs::copy("/bin/busybox", root.join("bin/busybox"))?;
        for applet in APPLETS {
            symlink("busybox", root.join("bin").join(applet))?;
        }
        let areas: BTreeSet<&str> = entries.iter().map(|entry| entry.area.as_str()).collect();
        for program in areas.iter().filter_map(|area| self.areas.get(*area)).flatten() {
            let name = program.file_name().expect("a file has a name");
            fs::copy(program, root.join(PROGRAMS).join(name))?;
        }
        Ok(())
    }
}

/// A folder for a root, in memory if this host has such a file system.
fn scratch() -> Result<TempDir, String> {
    let in_memory = Path::new("/dev/shm");
    let folder = if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() };
    folder.map_err(|error| format!("no temporary folder: {error}"))
}

/// Compiles the first program of the machines.
///
/// # Errors
/// What the compiler says.
pub(crate) fn build_init(source: &Path) -> Result<Init, String> {
    let file = NamedTempFile::new().map_err(|error| format!("no temporary file: {error}"))?.into_temp_path();
    let mut compiler = Command::new("gcc");
    compiler.args(["-std=gnu17", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-o"]);
    let output = compiler.arg(&file).arg(source).output().map_err(|error| format!("cannot start gcc: {error}"))?;
    match output.status.success() {
        true => Ok(Init(file)),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The first program's file; it goes away with this.
pub(crate) struct Init(TempPath);

impl Init {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}
