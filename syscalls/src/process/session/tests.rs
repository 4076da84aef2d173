//! Sessions and groups on the host's machine.

use super::calls::{getsid, setpgid, setsid};
use super::is_orphaned;
use crate::errno::Errno;
use crate::machine::host::test_process;
use crate::thread::Thread;
use std::sync::Arc;

/// A child as `fork(2)` makes it.
fn child_of(parent: &Thread) -> Arc<Thread> {
    let child = test_process();
    child.process.become_child_of(&parent.process);
    child
}

#[test]
fn a_leader_stays_one() {
    let leader = test_process();
    let id = leader.process.id;
    assert_eq!(getsid(&leader, 0), Ok(id));
    assert_eq!(getsid(&leader, id), Ok(id));
    assert_eq!(getsid(&leader, 1 << 22), Err(Errno::ESRCH));
    assert_eq!(setsid(&leader), Err(Errno::EPERM));
    assert_eq!(setpgid(&leader, 0, 0), Err(Errno::EPERM));
}

#[test]
fn a_child_begins_a_session() {
    let leader = test_process();
    let child = child_of(&leader);
    let id = child.process.id;
    assert_eq!(getsid(&child, 0), Ok(leader.process.id));
    assert_eq!(setsid(&child), Ok(id));
    assert_eq!((getsid(&leader, id), child.process.group()), (Ok(id), id));
    assert_eq!(setpgid(&leader, id, 0), Err(Errno::EPERM), "in another session");
}

#[test]
fn groups() {
    let shell = test_process();
    let (one, other) = (child_of(&shell), child_of(&shell));
    let (id, second) = (one.process.id, other.process.id);
    assert_eq!(setpgid(&shell, 0, -1), Err(Errno::EINVAL));
    assert_eq!(setpgid(&shell, 1 << 22, 0), Err(Errno::ESRCH));
    assert_eq!(setpgid(&one, second, 0), Err(Errno::ESRCH), "no child of its own");
    assert_eq!(setpgid(&shell, id, second), Err(Errno::EPERM), "no such group");
    assert_eq!(setpgid(&shell, id, id), Ok(()));
    assert_eq!(setpgid(&other, 0, id), Ok(()));
    assert_eq!(other.process.group(), id);
    assert_eq!(setsid(&one), Err(Errno::EPERM), "a group's leader");
    // A group's number stays taken while a member is left.
    assert_eq!(setpgid(&one, 0, shell.process.id), Ok(()));
    assert_eq!(setsid(&one), Err(Errno::EPERM));
    assert!(!is_orphaned(id), "the shell looks after it");
    assert!(is_orphaned(shell.process.id));
}
