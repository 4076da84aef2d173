use super::*;
use crate::machine::host::{test_process, user_bytes, user_pages};

fn ask(thread: &Thread, option: u32, arguments: [u64; 4]) -> Result<i64> {
    let [first, second, third, fourth] = arguments;
    prctl(thread, option as i32, first, second, third, fourth)
}

#[test]
fn names_are_cut() {
    let thread = test_process();
    let name = user_bytes(b"a name that is too long\0");
    assert_eq!(ask(&thread, raw::PR_SET_NAME, [name, 0, 0, 0]), Ok(0));
    assert_eq!(&thread.name(), b"a name that is \0");
    assert_eq!(ask(&thread, raw::PR_SET_NAME, [8, 0, 0, 0]), Err(Errno::EFAULT));
    assert_eq!(ask(&thread, raw::PR_GET_NAME, [name, 0, 0, 0]), Ok(0));
    assert_eq!(UserPtr::<[u8; 16]>::new(name).read(&thread).as_ref(), Ok(b"a name that is \0"));
}

#[test]
fn what_is_set_is_kept() {
    let thread = test_process();
    let place = user_pages(1);
    let number = || UserPtr::<i32>::new(place).read(&thread).unwrap();
    assert_eq!(ask(&thread, raw::PR_SET_PDEATHSIG, [65, 0, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(ask(&thread, raw::PR_SET_PDEATHSIG, [15, 0, 0, 0]), Ok(0));
    assert_eq!((ask(&thread, raw::PR_GET_PDEATHSIG, [place, 0, 0, 0]), number()), (Ok(0), 15));
    assert_eq!(ask(&thread, raw::PR_SET_DUMPABLE, [2, 0, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(ask(&thread, raw::PR_GET_DUMPABLE, [0; 4]), Ok(1));
    assert_eq!(ask(&thread, raw::PR_SET_TIMERSLACK, [7, 0, 0, 0]), Ok(0));
    assert_eq!(ask(&thread, raw::PR_GET_TIMERSLACK, [0; 4]), Ok(7));
    assert_eq!(ask(&thread, raw::PR_SET_TIMERSLACK, [0; 4]), Ok(0));
    assert_eq!(ask(&thread, raw::PR_GET_TIMERSLACK, [0; 4]), Ok(50_000));
    assert_eq!(ask(&thread, raw::PR_SET_CHILD_SUBREAPER, [9, 0, 0, 0]), Ok(0));
    assert_eq!((ask(&thread, raw::PR_GET_CHILD_SUBREAPER, [place, 0, 0, 0]), number()), (Ok(0), 1));
}

#[test]
fn what_is_not_used_is_zero() {
    let thread = test_process();
    assert_eq!(ask(&thread, raw::PR_SET_NO_NEW_PRIVS, [1, 0, 0, 1]), Err(Errno::EINVAL));
    assert_eq!(ask(&thread, raw::PR_SET_NO_NEW_PRIVS, [0; 4]), Err(Errno::EINVAL));
    assert_eq!(ask(&thread, raw::PR_SET_NO_NEW_PRIVS, [1, 0, 0, 0]), Ok(0));
    assert_eq!(ask(&thread, raw::PR_GET_NO_NEW_PRIVS, [0; 4]), Ok(1));
    assert_eq!(ask(&thread, raw::PR_GET_NO_NEW_PRIVS, [0, 1, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(ask(&thread, raw::PR_GET_THP_DISABLE, [1, 0, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(ask(&thread, raw::PR_MCE_KILL, [1, 1, 0, 0]), Ok(0));
    assert_eq!(ask(&thread, raw::PR_MCE_KILL_GET, [0; 4]), Ok(1));
    assert_eq!(ask(&thread, raw::PR_MCE_KILL, [0, 1, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(ask(&thread, raw::PR_MCE_KILL, [1, 3, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(ask(&thread, 9999, [0; 4]), Err(Errno::EINVAL));
}

#[test]
fn memory_is_named_where_there_is_some() {
    let thread = test_process();
    let page = user_pages(2);
    let name = |start, length, name| ask(&thread, raw::PR_SET_VMA, [0, start, length, name]);
    let good = user_bytes(b"a name\0");
    let bad = user_bytes(b"a [name]\0");
    assert_eq!((name(page, 2 * PAGE, good), name(page, PAGE, 0)), (Ok(0), Ok(0)));
    assert_eq!((name(page, PAGE, bad), name(page + 1, PAGE, good)), (Err(Errno::EINVAL), Err(Errno::EINVAL)));
    assert_eq!((name(0, PAGE, good), name(page, u64::MAX, good)), (Err(Errno::ENOMEM), Err(Errno::EINVAL)));
}
