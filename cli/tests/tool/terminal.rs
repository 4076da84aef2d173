//! `birgus run` on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::place::Place;
use nix::libc;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, setsid};

/// The tool in a session of its own, with a terminal that it controls, and the other end of that.
struct Session {
    tool: Child,
    master: OwnedFd,
    slave: OwnedFd,
}

impl Session {
    fn start(place: &Place, options: &[&str], script: &[&str]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).expect("a terminal");
        let file = || Stdio::from(pty.slave.try_clone().expect("cloned"));
        let mut command = place.run(options, script);
        command.env("TERM", "xterm").stdin(file()).stdout(file()).stderr(file());
        let take_terminal = || {
            setsid()?;
            // SAFETY: standard input is the terminal; the request takes a number.
            let result = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
            if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        };
        // SAFETY: the closure makes two system calls and allocates nothing.
        unsafe { command.pre_exec(take_terminal) };
        let tool = command.spawn().expect("the tool starts");
        Self { tool, master: pty.master, slave: pty.slave }
    }

    /// Reads what is on the screen until `text` is there, and gives all of it.
    fn await_text(&self, text: &str) -> String {
        let mut screen = File::from(self.master.try_clone().expect("cloned"));
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        while !String::from_utf8_lossy(&seen).contains(text) {
            let length = screen.read(&mut buffer).expect("read");
            seen.extend(&buffer[..length]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    fn press(&self, keys: &[u8]) {
        File::from(self.master.try_clone().expect("cloned")).write_all(keys).expect("written");
    }

    fn is_raw(&self) -> bool {
        let settings = tcgetattr(self.slave.as_fd()).expect("settings");
        !settings.local_flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.tool.id() as i32)
    }

    fn end(mut self) -> Option<i32> {
        let code = self.tool.wait().expect("ends").code();
        assert!(!self.is_raw(), "the terminal was left raw");
        code
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn keys_go_to_the_guest_as_they_are_and_the_terminal_comes_back() {
    let place = Place::new();
    let session = Session::start(&place, &[], &["show", "out:ready\r\n", "take:4", "exit:9"]);
    let shown = session.await_text("ready\r\n");
    assert!(shown.contains("terminal Some(Terminal { files: 7, rows: 24, columns: 80 })"), "{shown}");
    assert!(shown.contains("[TERM=xterm]"), "{shown}");
    assert!(session.is_raw());
    session.press(b"a\r\x04\x1a");
    let echoed = session.await_text("\x1a");
    assert_eq!(echoed, "a\r\x04\x1a");
    assert_eq!(session.end(), Some(9));
}

#[test]
fn three_times_control_c_ends_a_machine_that_does_not_answer() {
    let place = Place::new();
    let mut session = Session::start(&place, &[], &["out:ready", "take:2", "out:go", "take:100"]);
    session.await_text("ready");
    session.press(b"\x03\x03");
    session.await_text("go");
    session.press(b"\x03\x03");
    thread::sleep(Duration::from_millis(200));
    assert!(session.tool.try_wait().expect("asked").is_none(), "two are not enough");
    session.press(b"\x03");
    assert_eq!(session.end(), Some(130));
}

#[test]
fn the_terminal_comes_back_when_the_machine_dies() {
    let place = Place::new();
    for script in
        [["out:ready", "take:1", "die:gone"], ["out:ready", "take:1", "panic"], ["out:ready", "take:1", "garbage"]]
    {
        let session = Session::start(&place, &[], &script);
        session.await_text("ready");
        assert!(session.is_raw());
        session.press(b"x");
        session.await_text("birgus: error");
        assert_eq!(session.end(), Some(125));
    }
    let session = Session::start(&place, &["--timeout", "1"], &["out:ready", "hang"]);
    assert_eq!(session.end(), Some(124));
}

#[test]
fn a_new_size_of_the_window_is_told() {
    let place = Place::new();
    let session = Session::start(&place, &[], &["out:ready", "window"]);
    session.await_text("ready");
    let size = Winsize { ws_row: 50, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the request reads a size of a window.
    let result = unsafe { libc::ioctl(session.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(result, 0);
    session.await_text("window 50 132");
    assert_eq!(session.end(), Some(0));
}

#[test]
fn a_stopped_job_gives_the_terminal_back_and_takes_it_again() {
    let place = Place::new();
    let session = Session::start(&place, &[], &["out:ready", "signal", "exit:4"]);
    session.await_text("ready");
    kill(session.pid(), Signal::SIGTSTP).expect("sent");
    let stopped = waitpid(session.pid(), Some(WaitPidFlag::WUNTRACED)).expect("waited");
    assert!(matches!(stopped, WaitStatus::Stopped(_, Signal::SIGSTOP)), "{stopped:?}");
    assert!(!session.is_raw());
    kill(session.pid(), Signal::SIGCONT).expect("sent");
    session.await_text("signal 18");
    wait_until("the tool ends", || has_ended(session.pid()));
    assert_eq!(session.end(), Some(4));
}

/// Whether the process has ended; it can still be waited for.
fn has_ended(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive))
}
