//! QEMU's process.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use birgus_syscalls::wire::{INITIAL_OUTPUT_CREDIT, Stream};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::{Pid, getppid};

use super::{Backend, Configuration, Network, Qemu, backlog};
use crate::failure::{Context, Failure, Result};
use crate::memory_file::Inherited;
use crate::network::Protocol;

/// The most that is kept of what QEMU has to say.
const LONGEST_COMPLAINT: usize = 64 * 1024;

/// What the guest may have on its way to the tool, at the price of the socket's buffer: `wire` says why it must fit.
const ON_THE_WAY: usize = 2 * Stream::OUTPUTS.len() * INITIAL_OUTPUT_CREDIT as usize;
/// Room for frames that need no credit.
const FOR_CONTROL: usize = 24 * 1024;

/// A pair of sockets: the tool's end, which does not block, and QEMU's, whose buffer holds all that the guest may send.
pub(crate) fn channel() -> Result<(UnixStream, Inherited)> {
    let (ours, theirs) = UnixStream::pair().context("cannot make a socket")?;
    ours.set_nonblocking(true).context("cannot prepare a socket")?;
    // The kernel doubles what it is asked for, up to a limit.
    let _ = setsockopt(&theirs, sockopt::SndBuf, &(ON_THE_WAY + FOR_CONTROL));
    let granted = nix::sys::socket::getsockopt(&theirs, sockopt::SndBuf).context("cannot prepare a socket")?;
    if granted < ON_THE_WAY + FOR_CONTROL {
        return Err(Failure::new(format!("this host lets a socket hold {granted} bytes only"))
            .mend("sysctl -w net.core.wmem_max=212992"));
    }
    Ok((ours, Inherited::new(theirs).context("cannot prepare a socket")?))
}

/// A running QEMU. It ends with this value, and with the tool whatever ends that.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stderr: Option<ChildStderr>,
    complaint: Vec<u8>,
}

impl Process {
    /// Starts QEMU with what the configuration's files have been opened for.
    pub(crate) fn start(qemu: &Qemu, configuration: &Configuration<'_>) -> Result<Self> {
        let mut command = Command::new(qemu.path());
        command
            .args(configuration.words())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for the program in the machine, not for the machine.
            .process_group(0);
        let tool = Pid::this();
        let die_with_tool = move || {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            // A connection through a published port is a descriptor of QEMU's; an error leaves as many as there are.
            if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
                let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
            }
            // The tool may have died before.
            if getppid() == tool { Ok(()) } else { Err(io::Error::from(ErrorKind::BrokenPipe)) }
        };
        // SAFETY: between fork and exec the closure makes four system calls; it allocates nothing and takes no lock.
        unsafe { command.pre_exec(die_with_tool) };
        let mut child = command.spawn().context(format_args!("cannot start {}", qemu.path().display()))?;
        let stderr = child.stderr.take();
        if let Some(stderr) = &stderr {
            fcntl(stderr, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).context("cannot prepare a pipe")?;
        }
        let process = Self { child, stderr, complaint: Vec::new() };
        if let Some(Network { backend: Backend::User(ports), .. }) = configuration.network
            && !ports.is_empty()
        {
            backlog::lengthen(process.pid(), ports.iter().filter(|port| port.protocol == Protocol::Tcp).count());
        }
        Ok(process)
    }

    /// Where QEMU complains, until it has closed that.
    pub(crate) fn stderr(&self) -> Option<BorrowedFd<'_>> {
        self.stderr.as_ref().map(AsFd::as_fd)
    }

    /// Takes what QEMU has said.
    pub(crate) fn listen(&mut self) {
        let Some(stderr) = &mut self.stderr else { return };
        let mut buffer = [0; 4096];
        loop {
            match stderr.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    let room = LONGEST_COMPLAINT - self.complaint.len();
                    self.complaint.extend(&buffer[..length.min(room)]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        self.stderr = None;
    }

    /// What QEMU has said so far, as text without an end of line.
    pub(crate) fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.complaint).trim_end().to_owned()
    }

    /// Stops the machine for as long as the tool itself is stopped.
    pub(crate) fn pause(&self) {
        let _ = kill(self.pid(), Signal::SIGSTOP);
    }

    /// Lets a stopped machine go on.
    pub(crate) fn resume(&self) {
        let _ = kill(self.pid(), Signal::SIGCONT);
    }

    /// Waits until QEMU has ended, but not longer than `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
                _ => return None,
            }
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("Linux's process numbers fit"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
