//! Copies between the kernel and a program that stop at what is not there.

use core::arch::global_asm;

global_asm!(include_str!("copy.S"));

unsafe extern "C" {
    fn copy_user(to: *mut u8, from: *const u8, length: usize) -> usize;
    fn zero_user(to: *mut u8, length: usize) -> usize;
    fn compare_exchange_user(address: *mut u32, old: u32, new: u32) -> i64;
    static fixups_start: [u64; 2];
    static fixups_end: [u64; 2];
}

/// The first address that a program cannot have.
const USER_END: u64 = birgus_syscalls::user::USER_END;

/// How much of a range lies in the user half.
fn within_user(address: u64, length: usize) -> usize {
    if address >= USER_END { 0 } else { length.min((USER_END - address) as usize) }
}

/// What a copy of `allowed` out of `length` bytes came to, with `undone` of the allowed ones left.
fn outcome(length: usize, allowed: usize, undone: usize) -> Result<(), usize> {
    if undone == 0 && allowed == length { Ok(()) } else { Err(allowed - undone) }
}

/// Copies from the current address space.
pub(crate) fn from_user(from: u64, to: &mut [u8]) -> Result<(), usize> {
    let allowed = within_user(from, to.len());
    // SAFETY: the target is ours, the source is in the user half; a fault there ends the copy.
    let undone = unsafe { copy_user(to.as_mut_ptr(), from as *const u8, allowed) };
    outcome(to.len(), allowed, undone)
}

/// Copies to the current address space.
pub(crate) fn to_user(to: u64, from: &[u8]) -> Result<(), usize> {
    let allowed = within_user(to, from.len());
    // SAFETY: the target is in the user half, where CR0.WP keeps what is read-only so; a fault there ends the copy.
    let undone = unsafe { copy_user(to as *mut u8, from.as_ptr(), allowed) };
    outcome(from.len(), allowed, undone)
}

/// Zeroes in the current address space.
pub(crate) fn zero(to: u64, length: usize) -> Result<(), usize> {
    let allowed = within_user(to, length);
    // SAFETY: as for `to_user`.
    let undone = unsafe { zero_user(to as *mut u8, allowed) };
    outcome(length, allowed, undone)
}

/// Compares and exchanges an aligned word in the current address space.
pub(crate) fn compare_exchange(address: u64, old: u32, new: u32) -> Result<u32, usize> {
    if !address.is_multiple_of(4) || within_user(address, 4) != 4 {
        return Err(0);
    }
    // SAFETY: as for `to_user`.
    u32::try_from(unsafe { compare_exchange_user(address as *mut u32, old, new) }).map_err(|_| 0)
}

/// Where to go on after a fault at this instruction of the kernel; `None`: no fault is expected there.
pub(crate) fn fixup(instruction: u64) -> Option<u64> {
    let (start, end) = (&raw const fixups_start, &raw const fixups_end);
    // SAFETY: the linker script puts the table of pairs between the two symbols.
    let table = unsafe { core::slice::from_raw_parts(start, end.offset_from_unsigned(start)) };
    table.iter().find(|[at, _]| *at == instruction).map(|[_, to]| *to)
}
