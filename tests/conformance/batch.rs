//! Runs many tests in one machine. When one of them hangs or ends the machine, another machine runs those behind it.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::root::Programs;
use crate::suite::Entry;

/// A machine starts in this time.
const START: Duration = Duration::from_secs(60);

/// When the guest does not keep a test's limit, the host does, so much later.
const GRACE: Duration = Duration::from_secs(15);

/// More than this is not kept of what one test prints.
const MOST_OUTPUT: usize = 1 << 20;

/// Memory beside the files', in MiB.
const MEMORY: u64 = 512;

/// How one test ended in the guest.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ending: Ending,
    /// What it printed, on both streams.
    pub(crate) output: String,
    pub(crate) milliseconds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The exit code, or 128 + a signal.
    Code(i32),
    /// The guest killed it at its limit.
    Timeout,
    /// It ended the machine.
    Crash,
    /// The machine did nothing any more.
    Hang,
}

/// What running a batch needs.
pub(crate) struct Runner<'a> {
    pub(crate) tool: &'a Path,
    pub(crate) init: &'a Path,
    pub(crate) programs: &'a Programs,
    pub(crate) logs: Option<&'a Path>,
}

/// The time a test has: a busy host's translator is slow.
fn limit(entry: &Entry) -> Duration {
    Duration::from_secs(25) + Duration::from_millis(entry.native.milliseconds * 2)
}

impl Runner<'_> {
    /// Runs the entries in their order and tells `note` how each ended.
    ///
    /// # Errors
    /// A machine that does not start.
    pub(crate) fn run(&self, entries: &[Entry], note: &mut impl FnMut(&Entry, Run)) -> Result<(), String> {
        let mut left = entries;
        while !left.is_empty() {
            let done = self.run_machine(left, &mut |entry, run| {
                self.keep(entry, &run);
                note(entry, run);
            })?;
            if done == 0 {
                return Err("the machine does not start".to_owned());
            }
            left = &left[done..];
        }
        Ok(())
    }

    /// Starts one machine with all of these; gives how many of them were run.
    fn run_machine(&self, entries: &[Entry], note: &mut impl FnMut(&Entry, Run)) -> Result<usize, String> {
        let root = self.programs.root(self.init, entries)?;
        let mut list = String::new();
        for entry in entries {
            let _ = writeln!(list, "{}\t{}\t{}", entry.name, limit(entry).as_millis(), entry.command);
        }
        fs::write(root.path().join("list"), list).map_err(|error| error.to_string())?;
        let mut command = Command::new(self.tool);
        command.args(["run", "-m", &format!("{}M", MEMORY + size(root.path())), "--rootfs"]).arg(root.path());
        command.args(["/init", "/list"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start {}: {error}", self.tool.display()))?;
        let output = follow(&mut child);
        let done = listen(&output, entries, note);
        // It may have gone already.
        let _ = child.kill();
        let _ = child.wait();
        Ok(done)
    }

    fn keep(&self, entry: &Entry, run: &Run) {
        let Some(folder) = self.logs else { return };
        let text = format!("{}\n{:?} after {} ms\n", run.output, run.ending, run.milliseconds);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(folder.join(&entry.name), text));
        if let Err(error) = written {
            eprintln!("{}: {error}", folder.display());
        }
    }
}

/// The size of a folder's files in MiB, rounded up.
fn size(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let sizes = files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|file| file.len());
    (sizes.sum::<u64>() >> 20) + 1
}

/// What the machine writes, on both streams, in pieces as it comes.
fn follow(child: &mut Child) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for mut stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

/// Follows a machine until it ends or does nothing for too long; gives how many entries have ended in whatever way.
fn listen(pieces: &Receiver<Vec<u8>>, entries: &[Entry], note: &mut impl FnMut(&Entry, Run)) -> usize {
    let (mut done, mut current, mut output, mut line) = (0, None::<Instant>, String::new(), Vec::new());
    let mut deadline = Instant::now() + START;
    loop {
        let piece = pieces.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        let Some(entry) = entries.get(done) else { return done };
        let piece = match piece {
            Ok(piece) => piece,
            Err(gone) => {
                let Some(since) = current else { return done };
                output.push_str(&String::from_utf8_lossy(&line));
                let ending = if gone == RecvTimeoutError::Timeout { Ending::Hang } else { Ending::Crash };
                let milliseconds = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                note(entry, Run { ending, output, milliseconds });
                return done + 1;
            }
        };
        for byte in piece {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let text = String::from_utf8_lossy(&std::mem::take(&mut line)).into_owned();
            let Some(entry) = entries.get(done) else { return done };
            let words: Vec<&str> = text.split(' ').collect();
            match words[..] {
                ["@begin", name] if name == entry.name => {
                    current = Some(Instant::now());
                    deadline = Instant::now() + limit(entry) + GRACE;
                    output.clear();
                }
                ["@end", name, status, milliseconds] if name == entry.name => {
                    let ending = status.parse().map_or(Ending::Timeout, Ending::Code);
                    let milliseconds = milliseconds.parse().unwrap_or(0);
                    note(entry, Run { ending, output: std::mem::take(&mut output), milliseconds });
                    (done, current) = (done + 1, None);
                    deadline = Instant::now() + START;
                }
                _ if output.len() < MOST_OUTPUT => {
                    output.push_str(&text);
                    output.push('\n');
                }
                _ => {}
            }
        }
    }
}
