//! Unit tests: what those without privileges may do.

use super::*;
use crate::machine::host::test_process;
use crate::process::limits::Limit;

/// A process of user 1000 without capabilities.
fn unprivileged() -> Arc<Thread> {
    let thread = test_process();
    let mut who = (*thread.process.credentials()).clone();
    (who.user.real, who.user.effective) = (1000, 1000);
    who.capabilities = 0;
    thread.process.set_credentials(Arc::new(who));
    thread
}

fn wish(policy: u32, priority: u32, nice: Option<i32>) -> Wish {
    Wish { policy, priority, nice, resets_on_fork: false }
}

#[test]
fn real_time_needs_the_limit() {
    let thread = unprivileged();
    assert_eq!(wish(raw::SCHED_RR, 5, None).grant(&thread, &thread), Err(Errno::EPERM));
    thread.process.limits.set(raw::RLIMIT_RTPRIO, Limit { soft: 5, hard: 5 });
    assert_eq!(wish(raw::SCHED_RR, 5, None).grant(&thread, &thread), Ok(()));
    assert_eq!(wish(raw::SCHED_RR, 6, None).grant(&thread, &thread), Err(Errno::EPERM));
    assert_eq!(wish(raw::SCHED_NORMAL, 0, Some(-1)).grant(&thread, &thread), Err(Errno::EPERM));
    assert_eq!(wish(raw::SCHED_NORMAL, 0, Some(3)).grant(&thread, &thread), Ok(()));
    assert_eq!(thread.attributes.nice(), 3);
}

#[test]
fn others_are_not_touched_and_resetting_stays() {
    let (thread, root) = (unprivileged(), test_process());
    assert_eq!(wish(raw::SCHED_BATCH, 0, None).grant(&thread, &root), Err(Errno::EPERM));
    let resetting = Wish { resets_on_fork: true, ..wish(raw::SCHED_BATCH, 0, None) };
    assert_eq!(resetting.grant(&thread, &thread), Ok(()));
    assert_eq!(wish(raw::SCHED_BATCH, 0, None).grant(&thread, &thread), Err(Errno::EPERM));
}

#[test]
fn a_child_of_one_that_resets_is_ordinary() {
    let (parent, child) = (test_process(), test_process());
    let resetting = Wish { resets_on_fork: true, ..wish(raw::SCHED_FIFO, 7, None) };
    assert_eq!(resetting.grant(&parent, &parent), Ok(()));
    parent.attributes.set_nice(-4);
    child.attributes.inherit(&parent.attributes);
    let attributes = &child.attributes;
    assert_eq!((attributes.policy(), attributes.real_time_priority(), attributes.nice()), (raw::SCHED_NORMAL, 0, 0));
    assert!(!attributes.resets_on_fork());
}
