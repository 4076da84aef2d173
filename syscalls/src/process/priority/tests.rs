use super::*;
use crate::machine::host::test_process;
use crate::process::credentials::users;

const PROCESS: i32 = PRIO_PROCESS as i32;
const GROUP: i32 = PRIO_PGRP as i32;

#[test]
fn niceness_is_kept_within_its_bounds() {
    let thread = test_process();
    setpriority(&thread, PROCESS, 0, 100).unwrap();
    assert_eq!(getpriority(&thread, PROCESS, 0), Ok(1));
    setpriority(&thread, GROUP, 0, -100).unwrap();
    assert_eq!(getpriority(&thread, PROCESS, thread.id()), Ok(40));
    assert_eq!(getpriority(&thread, 3, 0), Err(Errno::EINVAL));
    assert_eq!(setpriority(&thread, PROCESS, i32::MAX, 0), Err(Errno::ESRCH));
    assert_eq!(getpriority(&thread, GROUP, i32::MAX), Err(Errno::ESRCH));
}

#[test]
fn io_priority_is_kept() {
    let thread = test_process();
    assert_eq!(io::ioprio_get(&thread, 1, 0), Ok(0));
    io::ioprio_set(&thread, 1, 0, 2 << 13 | 7).unwrap();
    assert_eq!(io::ioprio_get(&thread, 1, 0), Ok(2 << 13 | 7));
    assert_eq!(io::ioprio_get(&thread, 2, 0), Ok(2 << 13 | 7));
    assert_eq!(io::ioprio_set(&thread, 1, 0, 4 << 13), Err(Errno::EINVAL));
    assert_eq!(io::ioprio_set(&thread, 1, 0, 1), Err(Errno::EINVAL));
    assert_eq!(io::ioprio_set(&thread, 4, 0, 0), Err(Errno::EINVAL));
    assert_eq!(io::ioprio_set(&thread, 1, i32::MAX, 0), Err(Errno::ESRCH));
    users::setuid(&thread, 77).unwrap();
    assert_eq!(io::ioprio_set(&thread, 1, 0, 1 << 13), Err(Errno::EPERM));
}

#[test]
fn an_ordinary_user_only_becomes_nicer() {
    let thread = test_process();
    let other = test_process();
    users::setuid(&thread, 4321).unwrap();
    setpriority(&thread, PROCESS, 0, 5).unwrap();
    assert_eq!(setpriority(&thread, PROCESS, 0, 4), Err(Errno::EACCES));
    assert_eq!(setpriority(&thread, PROCESS, other.id(), 5), Err(Errno::EPERM));
    assert_eq!(getpriority(&thread, PRIO_USER as i32, 0), Ok(15));
}
