//! Runs a program of this host with bytes for its input and a limit to its time.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group};

use crate::outcome::{Ending, Outcome};

/// Gives this process, and so every native program, what the guest gives its programs: umask, stack, no core files.
pub(crate) fn settle() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    for (resource, soft) in [(Resource::Core, 0), (Resource::Stack, 8 << 20), (Resource::Nofile, 1024)] {
        let maximum = rustix::process::getrlimit(resource).maximum;
        let limit = Rlimit { current: Some(maximum.map_or(soft, |hard| hard.min(soft))), maximum };
        rustix::process::setrlimit(resource, limit).expect("a lower limit is always allowed");
    }
}

/// Runs a command to its end, at most for `limit`; then it and what it started is killed.
///
/// # Errors
/// A command that cannot be started.
pub(crate) fn run(command: &mut Command, input: &[u8], limit: Duration) -> Result<Outcome, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child =
        command.spawn().map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?;
    let group = Pid::from_child(&child);
    let mut stdin = child.stdin.take().expect("piped");
    let stdout = child.stdout.take().expect("piped");
    let stderr = child.stderr.take().expect("piped");
    Ok(thread::scope(|scope| {
        scope.spawn(move || {
            // A program that does not read all of it closes the pipe: not an error of the test.
            let _ = stdin.write_all(input);
        });
        let stdout = scope.spawn(|| read_all(stdout));
        let stderr = scope.spawn(|| read_all(stderr));
        let ending = wait(&mut child, group, limit);
        // Whoever is left of the group would hold the pipes open.
        let _ = kill_process_group(group, Signal::KILL);
        let collected = |reader: thread::ScopedJoinHandle<'_, Vec<u8>>| reader.join().expect("a reader never panics");
        Outcome { stdout: collected(stdout), stderr: collected(stderr), ending }
    }))
}

/// Waits for the child; a second thread kills its group when the time is over.
fn wait(child: &mut Child, group: Pid, limit: Duration) -> Ending {
    let (done, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watch = scope.spawn(move || {
            let late = matches!(ended.recv_timeout(limit), Err(mpsc::RecvTimeoutError::Timeout));
            if late {
                let _ = kill_process_group(group, Signal::KILL);
            }
            late
        });
        let status = child.wait().expect("a child can be waited for");
        drop(done);
        let late = watch.join().expect("the watch never panics");
        match (late, status.code(), status.signal()) {
            (true, ..) => Ending::TimedOut(limit),
            (false, Some(code), _) => Ending::Code(code),
            (false, None, signal) => Ending::Code(128 + signal.expect("no code, so a signal")),
        }
    })
}

fn read_all(mut source: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before an error is worth comparing.
    let _ = source.read_to_end(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, input: &[u8], limit: Duration) -> Outcome {
        run(Command::new("sh").args(["-c", script]), input, limit).unwrap()
    }

    #[test]
    fn streams_and_codes() {
        let outcome = shell("cat; echo no >&2; exit 3", b"\0in", Duration::from_secs(10));
        assert_eq!((&*outcome.stdout, &*outcome.stderr), (&b"\0in"[..], &b"no\n"[..]));
        assert_eq!(outcome.ending, Ending::Code(3));
        assert_eq!(shell("kill -TERM $$", b"", Duration::from_secs(10)).ending, Ending::Code(143));
    }

    #[test]
    fn a_late_program_ends_with_what_it_started() {
        let limit = Duration::from_millis(300);
        let outcome = shell("echo early; sleep 100 & sleep 100", b"", limit);
        assert_eq!((&*outcome.stdout, outcome.ending), (&b"early\n"[..], Ending::TimedOut(limit)));
    }

    #[test]
    fn input_that_nobody_reads_is_no_error() {
        assert_eq!(shell("exit 0", &[b'x'; 1 << 20], Duration::from_secs(10)).ending, Ending::Code(0));
    }
}
