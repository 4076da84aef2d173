//! The vsyscall page, which old static programs call: nothing is mapped there, each of its three functions is served
//! on the fault of its first instruction, as Linux does with `vsyscall=xonly`.

use crate::memory::copy;
use birgus_syscalls::Errno;
use birgus_syscalls::registers::Registers;
use birgus_syscalls::table::HANDLERS;
use birgus_syscalls::thread::Thread;

const PAGE: u64 = 0xffff_ffff_ff60_0000;
const GETTIMEOFDAY: usize = 96;
const TIME: usize = 201;
const GETCPU: usize = 309;

/// Serves the call and returns to the caller, if the address is one of the three; `false` otherwise.
pub(super) fn emulate(thread: &Thread, frame: &mut Registers, address: u64) -> bool {
    let number = match address.wrapping_sub(PAGE) {
        0x000 => GETTIMEOFDAY,
        0x400 => TIME,
        0x800 => GETCPU,
        _ => return false,
    };
    let mut return_address = [0; 8];
    if frame.rip != address || copy::from_user(frame.rsp, &mut return_address).is_err() {
        return false;
    }
    let answer = HANDLERS[number](thread, frame);
    if answer == Errno::EFAULT.to_register() {
        // The code on Linux's page would have written itself; Linux makes it the program's fault, too.
        return false;
    }
    frame.rax = answer as u64;
    frame.rip = u64::from_le_bytes(return_address);
    frame.rsp = frame.rsp.wrapping_add(8);
    true
}
