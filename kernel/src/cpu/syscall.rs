//! The `syscall` instruction: SDM volume 3, 6.8.8. At ring 0 it works as it does at ring 3.

use super::descriptors::{CODE, STACK};
use super::landing::land;
use super::lock;
use super::percpu::{PerCpu, are_several};
use birgus_syscalls::Errno;
use birgus_syscalls::machine::Doors;
use birgus_syscalls::registers::Registers;
use birgus_syscalls::table::{HANDLERS, Handler, NUMBERS};
use birgus_syscalls::thread::answers::ANSWERS;
use birgus_syscalls::thread::{Thread, Work};
use core::arch::global_asm;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, Ordering};
use x86_64::registers::model_specific::Msr;

unsafe extern "C" {
    fn syscall_entry();
    fn syscall_entry_traced();
    fn syscall_entry_own_gs();
    fn syscall_entry_traced_own_gs();
    fn jump_entry();
    fn jump_entry_number();
    fn jump_entry_traced();
    fn syscall_entry_locked();
    fn syscall_entry_locked_own_gs();
    fn jump_entry_locked();
    fn jump_entry_number_locked();
    #[expect(improper_ctypes, reason = "an assembly stub that passes the references on")]
    safe fn complete_frame(thread: &Thread, registers: &mut Registers) -> i64;
}

/// What the entry stub calls, by number.
static ENTRIES: [Handler; NUMBERS] = entries();

const fn entries() -> [Handler; NUMBERS] {
    let mut table = HANDLERS_BY_NUMBER;
    let mut number = 0;
    while number < NUMBERS {
        if NEEDS_REGISTERS_BY_NUMBER[number] {
            table[number] = complete_frame;
        }
        number += 1;
    }
    table
}

const HANDLERS_BY_NUMBER: [Handler; NUMBERS] = birgus_syscalls::table::handlers();
const NEEDS_REGISTERS_BY_NUMBER: [bool; NUMBERS] = birgus_syscalls::table::needs_registers();

global_asm!(
    include_str!("entry.S"),
    USER_RSP = const offset_of!(PerCpu, user_rsp),
    KERNEL_RSP = const offset_of!(PerCpu, kernel_rsp),
    CURRENT = const offset_of!(PerCpu, current),
    WORK = const offset_of!(Thread, work),
    REGISTERS = const Work::REGISTERS.bits(),
    NUMBERS = const NUMBERS,
    ENOSYS = const Errno::ENOSYS.to_register(),
    GAP = const offset_of!(Registers, r9),
    RBX = const offset_of!(Registers, rbx),
    RBP = const offset_of!(Registers, rbp),
    R12 = const offset_of!(Registers, r12),
    R13 = const offset_of!(Registers, r13),
    R14 = const offset_of!(Registers, r14),
    R15 = const offset_of!(Registers, r15),
    RCX = const offset_of!(Registers, rcx),
    R11 = const offset_of!(Registers, r11),
    RAX = const offset_of!(Registers, rax),
    R9 = const offset_of!(Registers, r9),
    R8 = const offset_of!(Registers, r8),
    R10 = const offset_of!(Registers, r10),
    RDX = const offset_of!(Registers, rdx),
    RSI = const offset_of!(Registers, rsi),
    RDI = const offset_of!(Registers, rdi),
    RIP = const offset_of!(Registers, rip),
    NUMBER = const offset_of!(Registers, number),
    RFLAGS = const offset_of!(Registers, rflags),
    RSP = const offset_of!(Registers, rsp),
    CODE_SELECTOR = const CODE.0,
    STACK_SELECTOR = const STACK.0,
    VECTORS = const super::vectors::COUNT,
    ENTRIES = sym ENTRIES,
    HANDLERS = sym HANDLERS,
    TRACED = sym TRACED,
    HOLDER = sym lock::HOLDER,
    take_lock = sym lock::take,
    trace = sym birgus_syscalls::trace::traced,
    to_program = sym super::exceptions::to_program_entry,
    after_switch = sym crate::task::after_switch,
    land = sym land,
    handle = sym super::exceptions::handle,
);

/// RFLAGS bits that the entry clears: TF, IF, DF, IOPL, NT, AC.
const CLEARED: u64 = 1 << 8 | 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 18;

/// IA32_LSTAR: where `syscall` goes.
const TARGET: u32 = 0xc000_0082;

fn write(register: u32, value: u64) {
    // SAFETY: the registers that SYSCALL loads (SDM volume 4): selectors, target, mask.
    unsafe { Msr::new(register).write(value) };
}

/// Whether calls are traced.
static TRACED: AtomicBool = AtomicBool::new(false);

/// Points the `syscall` instruction to the entry stub.
pub(crate) fn start() {
    write(0xc000_0081, u64::from(CODE.0) << 32);
    write(0xc000_0084, CLEARED);
    choose_door(false);
}

/// Has each call traced from now on.
pub(crate) fn trace() {
    TRACED.store(true, Ordering::Relaxed);
    choose_door(false);
}

/// Where rewritten calls enter.
pub(crate) fn doors() -> Doors {
    let address = |door: unsafe extern "C" fn()| door as *const () as u64;
    let traced = TRACED.load(Ordering::Relaxed);
    let leaf: fn(u32) -> Option<&'static [u8]> = if traced { |_| None } else { leaf };
    if are_several() {
        Doors { any: address(jump_entry_locked), number: address(jump_entry_number_locked), leaf }
    } else if traced {
        Doors { any: address(jump_entry_traced), number: address(jump_entry_traced), leaf }
    } else {
        Doors { any: address(jump_entry), number: address(jump_entry_number), leaf }
    }
}

/// `mov rax, gs:[current]; mov eax, [rax + place]` for each of [`ANSWERS`].
static LEAVES: [[u8; 15]; ANSWERS.len()] = leaves();

const fn leaves() -> [[u8; 15]; ANSWERS.len()] {
    let [c0, c1, c2, c3] = (offset_of!(PerCpu, current) as u32).to_le_bytes();
    let mut leaves = [[0; 15]; ANSWERS.len()];
    let mut index = 0;
    while index < ANSWERS.len() {
        let [p0, p1, p2, p3] = (ANSWERS[index].1 as u32).to_le_bytes();
        leaves[index] = [0x65, 0x48, 0x8b, 0x04, 0x25, c0, c1, c2, c3, 0x8b, 0x80, p0, p1, p2, p3];
        index += 1;
    }
    leaves
}

fn leaf(number: u32) -> Option<&'static [u8]> {
    let index = ANSWERS.iter().position(|(answered, _)| *answered == number)?;
    Some(&LEAVES[index])
}

/// Points `syscall` to the door for a thread that has or has not a GS of its own.
pub(super) fn choose_door(own_gs: bool) {
    let door: unsafe extern "C" fn() = match (TRACED.load(Ordering::Relaxed), own_gs) {
        (_, false) if are_several() => syscall_entry_locked,
        (_, true) if are_several() => syscall_entry_locked_own_gs,
        (false, false) => syscall_entry,
        (false, true) => syscall_entry_own_gs,
        (true, false) => syscall_entry_traced,
        (true, true) => syscall_entry_traced_own_gs,
    };
    write(TARGET, door as *const () as u64);
}
