//! `reboot(2)`: the end of the machine.

#[cfg(test)]
mod tests;

use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::thread::Thread;
use crate::user::{UserPtr, UserString};
use linux_raw_sys::general as raw;

/// `reboot(2)`: a machine that restarts, halts or is switched off is gone; its exit code is 0.
pub fn reboot(thread: &Thread, magic: i32, magic2: i32, command: u32, argument: UserPtr<u8>) -> Result<()> {
    if !thread.process.credentials().has(raw::CAP_SYS_BOOT) {
        return Err(Errno::EPERM);
    }
    let second =
        [raw::LINUX_REBOOT_MAGIC2, raw::LINUX_REBOOT_MAGIC2A, raw::LINUX_REBOOT_MAGIC2B, raw::LINUX_REBOOT_MAGIC2C];
    if magic as u32 != raw::LINUX_REBOOT_MAGIC1 || !second.contains(&(magic2 as u32)) {
        return Err(Errno::EINVAL);
    }
    match command {
        raw::LINUX_REBOOT_CMD_RESTART | raw::LINUX_REBOOT_CMD_HALT | raw::LINUX_REBOOT_CMD_POWER_OFF => {}
        raw::LINUX_REBOOT_CMD_RESTART2 => {
            // What to restart into; Linux cuts what is longer than 255 bytes.
            match UserString(argument.address()).read(thread, 256, Errno::E2BIG) {
                Ok(_) | Err(Errno::E2BIG) => {}
                Err(errno) => return Err(errno),
            }
        }
        // There is no keyboard that could ask for it.
        raw::LINUX_REBOOT_CMD_CAD_ON | raw::LINUX_REBOOT_CMD_CAD_OFF => return Ok(()),
        _ => return Err(Errno::EINVAL),
    }
    machine().power_off(0, false)
}
