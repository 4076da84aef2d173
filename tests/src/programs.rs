//! The C programs of `programs/FAMILY/NAME.c`, and how each is built and run.
//!
//! A program says so itself, in comment lines at its top:
//!
//! ```c
//! // build: musl                 another kind of build than static glibc
//! // flags: -mavx2               more words for the compiler
//! // run: one 'two words'        a case with these arguments; without any such line: one case without arguments
//! // stdin: text                 its standard input, with escapes as in `printf`
//! // stderr: any                 standard error is not compared
//! // options: --icount           the tool's options for its cases
//! // full                        only with `--full`
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::SystemTime;

use walkdir::WalkDir;

use crate::options::Options;
use crate::report::{Report, Verdict};
use crate::workers;
use crate::workspace::{Workspace, succeed};

/// A C program of facts.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// `FAMILY/NAME`.
    pub(crate) name: String,
    file: PathBuf,
    /// Where its executable is, once built.
    pub(crate) executable: PathBuf,
    pub(crate) directives: Directives,
}

/// What the comment lines at the top say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    build: Build,
    flags: Vec<String>,
    /// The arguments of each case.
    pub(crate) runs: Vec<Vec<String>>,
    pub(crate) stdin: Vec<u8>,
    pub(crate) any_stderr: bool,
    /// More options of the tool.
    pub(crate) options: Vec<String>,
    pub(crate) full: bool,
}

/// How a program is linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Build {
    /// glibc, at the address it is linked for.
    #[default]
    Static,
    /// glibc, at any address.
    StaticPie,
    /// musl.
    Musl,
    /// Without a library: the program has its own `_start`.
    NoStdlib,
}

impl Build {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "static" => Self::Static,
            "static-pie" => Self::StaticPie,
            "musl" => Self::Musl,
            "nostdlib" => Self::NoStdlib,
            _ => return None,
        })
    }

    fn compiler(self) -> &'static str {
        if self == Self::Musl { "musl-gcc" } else { "gcc" }
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Static | Self::Musl => &["-static", "-no-pie", "-pthread"],
            Self::StaticPie => &["-static-pie", "-fPIE", "-pthread"],
            Self::NoStdlib => {
                &["-static", "-no-pie", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fno-builtin"]
            }
        }
    }
}

impl Directives {
    /// Reads the comment lines at the top.
    fn read(text: &str) -> Result<Self, String> {
        let mut directives = Self::default();
        let comments = text.lines().map_while(|line| line.strip_prefix("//")).map(str::trim);
        for (word, value) in comments.map(|line| line.split_once(':').unwrap_or((line, ""))) {
            let value = value.trim();
            let split = || shlex::split(value).ok_or_else(|| format!("unbalanced quotes: {value}"));
            match word {
                "build" => directives.build = Build::of(value).ok_or_else(|| format!("no kind of build: {value}"))?,
                "flags" => directives.flags = split()?,
                "run" => directives.runs.push(split()?),
                "stdin" => directives.stdin = value.replace("\\n", "\n").into_bytes(),
                "options" => directives.options = split()?,
                "stderr" if value == "any" => directives.any_stderr = true,
                "full" => directives.full = true,
                // Prose.
                _ => {}
            }
        }
        if directives.runs.is_empty() {
            directives.runs.push(Vec::new());
        }
        Ok(directives)
    }
}

/// Builds the programs that are asked for; gives those that are built. What does not build is a failure.
pub(crate) fn build(workspace: &Workspace, options: &Options, report: &Report) -> Vec<Source> {
    let folder = workspace.root.join("tests/programs");
    let into = workspace.target.join("guest-programs");
    let mut sources = Vec::new();
    for entry in WalkDir::new(&folder).sort_by_file_name().into_iter().filter_map(Result::ok) {
        let file = entry.path();
        if file.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let name = file.strip_prefix(&folder).expect("found in it").with_extension("");
        let executable = into.join(&name);
        let name = name.to_string_lossy().into_owned();
        match fs::read_to_string(file).map_err(|error| error.to_string()).and_then(|text| Directives::read(&text)) {
            Ok(directives) => sources.push(Source { name, file: file.to_owned(), executable, directives }),
            Err(why) => report.note(&format!("build/{name}"), Verdict::Failed(why)),
        }
    }
    report.stage("guest programs", sources.len());
    let newest_header = newest(&folder, "h");
    let built = Mutex::new(Vec::new());
    workers::each(&sources, |source| {
        report.doing(&source.name);
        let rewritten = format!("{}{}", crate::rewritten::PREFIX, source.name);
        let wanted = options.wants(&source.name)
            || options.wants(&rewritten)
            || source.name == "hello/static"
            || cases_want(&source.name);
        match source.compile(&folder, newest_header, wanted) {
            Ok(()) => built.lock().expect("no build panics").push(source.clone()),
            Err(why) => report.note(&format!("build/{}", source.name), Verdict::Failed(why)),
        }
    });
    let mut built = built.into_inner().expect("no build panics");
    built.sort_by(|one, other| one.name.cmp(&other.name));
    built
}

/// Builds `launcher.c`, which starts programs on this host.
pub(crate) fn launcher(workspace: &Workspace) -> Result<PathBuf, String> {
    let executable = workspace.target.join("guest-programs/launcher");
    let mut compiler = Command::new("gcc");
    compiler.args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&executable);
    succeed(compiler.arg(workspace.root.join("tests/launcher.c"))).map(|_| executable)
}

/// Programs that cases of other names run too.
fn cases_want(name: &str) -> bool {
    name.starts_with("hello/")
        || name.starts_with("start/")
        || matches!(name, "ring0/doors" | "ring0/deadlines" | "ring0/steps" | "signals/death")
}

impl Source {
    /// Compiles, unless it is not `wanted` or the executable is newer than all it is made of.
    fn compile(&self, folder: &Path, newest_header: SystemTime, wanted: bool) -> Result<(), String> {
        let source = modified(&self.file).max(newest_header);
        if !wanted || modified(&self.executable) > source {
            return Ok(());
        }
        let parent = self.executable.parent().expect("in a family's folder");
        fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
        let build = self.directives.build;
        let mut compiler = Command::new(build.compiler());
        compiler
            .args(["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"])
            // Bad pointers and sizes are what many of these programs are about.
            .args(["-Wno-array-bounds", "-Wno-nonnull", "-Wno-stringop-overflow", "-Wno-stringop-overread"])
            .args(build.flags())
            .args(&self.directives.flags)
            .arg("-I")
            .arg(folder)
            .arg("-o")
            .args([&self.executable, &self.file]);
        succeed(&mut compiler).map(|_| ())
    }
}

/// When a file was last written; long ago when it is not there.
fn modified(file: &Path) -> SystemTime {
    file.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// When the newest file of this kind below `folder` was written.
fn newest(folder: &Path, extension: &str) -> SystemTime {
    let files = WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.path().extension().is_some_and(|found| found == extension));
    files.map(|entry| modified(entry.path())).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_from_the_top() {
        let text = "// Facts: and prose.\n// build: musl\n// flags: -mavx2 -g\n// run: a 'b c'\n// run:\n\
                    // stdin: one\\ntwo\n// options: --icount -v\n// stderr: any\n\n// full\nint main;\n";
        let read = Directives::read(text).unwrap();
        assert_eq!(read.build, Build::Musl);
        assert_eq!(read.flags, ["-mavx2", "-g"]);
        assert_eq!(read.runs, [vec!["a".to_owned(), "b c".to_owned()], vec![]]);
        assert_eq!(read.stdin, b"one\ntwo");
        assert_eq!(read.options, ["--icount", "-v"]);
        assert!(read.any_stderr && !read.full);
    }

    #[test]
    fn without_directives_there_is_one_plain_case() {
        let read = Directives::read("int main;\n").unwrap();
        assert_eq!((read.build, read.runs), (Build::Static, vec![Vec::<String>::new()]));
        assert!(Directives::read("// build: hurd\n").is_err());
        assert!(Directives::read("// run: 'a\n").is_err());
    }
}
