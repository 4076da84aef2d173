//! Where the tests of the tool happen.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A place for a test: a program to name, and a cache of its own.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let program = folder.path().join("program");
        fs::write(&program, smallest_program()).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The tool with options, the program, and its script.
    pub(crate) fn run(&self, options: &[&str], script: &[&str]) -> Command {
        let mut command = self.tool();
        command.arg("run").args(options).arg(self.path("program")).args(script);
        command
    }

    pub(crate) fn tool(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_birgus"));
        command
            .env_clear()
            .env("BIRGUS_QEMU", fake_qemu())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("SECRET", "of the host")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn output(&self, options: &[&str], script: &[&str]) -> Output {
        self.run(options, script).output().expect("the tool starts")
    }
}

/// Cargo builds examples beside the binaries.
pub(crate) fn fake_qemu() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_birgus")).with_file_name("examples").join("fake-qemu")
}

/// An ELF file with one segment and nothing else that the loader looks at.
pub(crate) fn smallest_program() -> Vec<u8> {
    let mut file = vec![0; 0x1000];
    file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(16, &2_u16.to_le_bytes()); // ET_EXEC
    put(18, &62_u16.to_le_bytes()); // EM_X86_64
    put(20, &1_u32.to_le_bytes());
    put(24, &0x40_0100_u64.to_le_bytes()); // entry
    put(32, &64_u64.to_le_bytes()); // program headers
    put(52, &64_u16.to_le_bytes());
    put(54, &56_u16.to_le_bytes());
    put(56, &1_u16.to_le_bytes());
    put(58, &64_u16.to_le_bytes());
    put(64, &1_u32.to_le_bytes()); // PT_LOAD
    put(68, &5_u32.to_le_bytes()); // readable, executable
    put(80, &0x40_0000_u64.to_le_bytes());
    put(88, &0x40_0000_u64.to_le_bytes());
    put(96, &0x1000_u64.to_le_bytes());
    put(104, &0x1000_u64.to_le_bytes());
    put(112, &0x1000_u64.to_le_bytes());
    put(0x100, &[0xeb, 0xfe]); // jmp .
    file
}
