use super::*;
use crate::machine::host::{Ending, ending, test_process};
use crate::process::credentials::users;

const FIRST: i32 = raw::LINUX_REBOOT_MAGIC1 as i32;
const SECOND: i32 = raw::LINUX_REBOOT_MAGIC2 as i32;

#[test]
fn the_machine_ends_when_told_rightly() {
    let thread = test_process();
    let call = |magic, magic2, command| reboot(&thread, magic, magic2, command, UserPtr::new(8));
    assert_eq!(call(1, SECOND, raw::LINUX_REBOOT_CMD_HALT), Err(Errno::EINVAL));
    assert_eq!(call(FIRST, 1, raw::LINUX_REBOOT_CMD_HALT), Err(Errno::EINVAL));
    assert_eq!(call(FIRST, SECOND, 7), Err(Errno::EINVAL));
    assert_eq!(call(FIRST, SECOND, raw::LINUX_REBOOT_CMD_CAD_OFF), Ok(()));
    assert_eq!(call(FIRST, SECOND, raw::LINUX_REBOOT_CMD_RESTART2), Err(Errno::EFAULT));
    let end = ending(|| assert!(call(FIRST, SECOND, raw::LINUX_REBOOT_CMD_POWER_OFF).is_err()));
    assert_eq!(end, Some(Ending::PowerOff { code: 0, by_signal: false }));
    users::setuid(&thread, 1).unwrap();
    assert_eq!(call(FIRST, SECOND, raw::LINUX_REBOOT_CMD_HALT), Err(Errno::EPERM));
}
