//! The queues of published ports.
//!
//! QEMU's user networking listens with a backlog of one. Of twenty clients that come at once, the host turns most away,
//! and each tries again a second later, then two, then four. A listening socket's backlog is a matter of whoever calls
//! `listen(2)` last, so the tool does, on a copy of QEMU's descriptor (`pidfd_getfd(2)`).

use std::fs;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{listen, sockopt};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// Connections that may wait; the host's `net.core.somaxconn` limits it.
const BACKLOG: i32 = 4096;
/// How long QEMU may take to open its ports.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets many connections wait at the `ports` that a starting QEMU is about to listen at. Where the host forbids it,
/// everything still works, only slower at first.
pub(super) fn lengthen(qemu: nix::unistd::Pid, ports: usize) {
    let Some(pid) = Pid::from_raw(qemu.as_raw()) else { return };
    // Opened while QEMU is this process's child for certain: nobody else can be meant later.
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    thread::spawn(move || {
        let late = Instant::now() + PATIENCE;
        while lengthen_all(pid, &pidfd).is_some_and(|found| found < ports) && Instant::now() < late {
            thread::sleep(Duration::from_millis(5));
        }
    });
}

/// Changes the sockets that listen by now; how many there are, `None` when QEMU cannot be looked into.
fn lengthen_all(pid: Pid, pidfd: &impl AsFd) -> Option<usize> {
    let folder = format!("/proc/{}/fd", pid.as_raw_nonzero());
    let mut found = 0;
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let is_socket =
            fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"socket:"));
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()).filter(|_| is_socket) else {
            continue;
        };
        let socket = pidfd_getfd(pidfd, number, PidfdGetfdFlags::empty()).ok()?;
        if sockopt::socket_acceptconn(&socket).unwrap_or(false) {
            let _ = listen(&socket, BACKLOG);
            found += 1;
        }
    }
    Some(found)
}
