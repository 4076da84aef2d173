//! What runs in the machines: built anew from the sources beside, in a folder that goes with this value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSymbol};
use tempfile::TempDir;

use crate::Result;

/// The folder with the built programs, also the place for what a run leaves.
pub(crate) struct Programs {
    folder: TempDir,
}

impl Programs {
    /// Compiles all.
    pub(crate) fn build() -> Result<Self> {
        let programs = Self { folder: TempDir::with_prefix("birgus-benches-")? };
        for name in ["hello", "ticks", "calls"] {
            // Not position-independent: their instructions are then where the file says.
            let source = format!("programs/{name}.c");
            programs.compile(name, &source, &["-O2", "-static", "-no-pie", "-pthread"])?;
        }
        let alone = ["-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000,-N,--build-id=none"];
        programs.compile("floor", "floor.S", &[&alone[..], &["-Wl,--no-warn-rwx-segments"]].concat())?;
        Ok(programs)
    }

    fn compile(&self, name: &str, source: &str, options: &[&str]) -> Result<()> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        let output = Command::new("cc").args(options).arg("-o").arg(self.path(name)).arg(&source).output();
        let output = output.map_err(|error| format!("cannot start cc: {error}"))?;
        if !output.status.success() {
            return Err(format!("cc on {}:\n{}", source.display(), String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(())
    }

    /// The file of that name in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the first instruction of a program is, and those of the named functions.
    pub(crate) fn addresses<const N: usize>(&self, program: &str, functions: [&str; N]) -> Result<(u64, [u64; N])> {
        let data = fs::read(self.path(program))?;
        let file = object::File::parse(&*data)?;
        let mut found = [0; N];
        for (address, function) in found.iter_mut().zip(functions) {
            let symbol = file.symbols().find(|symbol| symbol.name() == Ok(function));
            *address = symbol.ok_or_else(|| format!("{program} has no {function}"))?.address();
        }
        Ok((file.entry(), found))
    }
}
