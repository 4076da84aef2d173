//! Runs raw code on this CPU, with all registers given and taken, and doors in the kernel's place.

use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where code stands that is run, and what it may reach.
const AREA: usize = 0x20_0000_0000;
const AREA_SIZE: usize = 512 << 20;
/// The code, in the middle so that trampolines have room on both sides.
pub(crate) const CODE: u64 = AREA as u64 + (256 << 20);
pub(crate) const CODE_SIZE: usize = 64 << 10;
/// Data of the code, which begins right behind.
pub(crate) const DATA: u64 = CODE + CODE_SIZE as u64;
pub(crate) const DATA_SIZE: usize = 256;
/// The stack pointer that code gets, with room on both sides.
pub(crate) const STACK: u64 = DATA + 0x8000;
/// Doors, and the slots that lead to them.
const DOORS: u64 = DATA + 0x1_0000;
/// Where trampolines may stand.
pub(crate) const BELOW: std::ops::Range<u64> = AREA as u64..CODE;
pub(crate) const ABOVE: std::ops::Range<u64> = DATA + 0x2_0000..AREA as u64 + AREA_SIZE as u64;
/// Bytes of the stack that are compared, below and above the stack pointer: the red zone is in it.
const COMPARED: u64 = 128;

/// What code sees and leaves: in the order of encoding, rax rcx rdx rbx rsp rbp rsi rdi r8 … r15; then the flags.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registers {
    pub(crate) general: [u64; 16],
    pub(crate) flags: u64,
}

/// All that a run may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) registers: Registers,
    pub(crate) data: Vec<u8>,
    pub(crate) stack: Vec<u8>,
}

// `birgus_test_run(registers, code)`: loads the registers and jumps to the code; `birgus_test_exit` is where code
// jumps to in the end. Neither touches a flag or the program's stack in between.
std::arch::global_asm!(
    "
    .pushsection .data
    .balign 8
birgus_test_registers: .fill 17, 8, 0
birgus_test_stack: .quad 0
birgus_test_code: .quad 0
birgus_test_pointer: .quad 0
    .popsection

    .globl birgus_test_run
birgus_test_run:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov [rip + birgus_test_stack], rsp
    mov [rip + birgus_test_pointer], rdi
    mov [rip + birgus_test_code], rsi
    push qword ptr [rdi + 128]
    popfq
    mov rax, [rdi]
    mov rcx, [rdi + 8]
    mov rdx, [rdi + 16]
    mov rbx, [rdi + 24]
    mov rsp, [rdi + 32]
    mov rbp, [rdi + 40]
    mov rsi, [rdi + 48]
    mov r8, [rdi + 64]
    mov r9, [rdi + 72]
    mov r10, [rdi + 80]
    mov r11, [rdi + 88]
    mov r12, [rdi + 96]
    mov r13, [rdi + 104]
    mov r14, [rdi + 112]
    mov r15, [rdi + 120]
    mov rdi, [rdi + 56]
    jmp [rip + birgus_test_code]

    .globl birgus_test_exit
birgus_test_exit:
    mov [rip + birgus_test_registers], rax
    mov rax, [rip + birgus_test_pointer]
    mov [rax + 8], rcx
    mov [rax + 16], rdx
    mov [rax + 24], rbx
    mov [rax + 32], rsp
    mov [rax + 40], rbp
    mov [rax + 48], rsi
    mov [rax + 56], rdi
    mov [rax + 64], r8
    mov [rax + 72], r9
    mov [rax + 80], r10
    mov [rax + 88], r11
    mov [rax + 96], r12
    mov [rax + 104], r13
    mov [rax + 112], r14
    mov [rax + 120], r15
    mov rcx, [rip + birgus_test_registers]
    mov [rax], rcx
    mov rsp, [rip + birgus_test_stack]
    pushfq
    pop qword ptr [rax + 128]
    cld
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
    "
);

unsafe extern "C" {
    fn birgus_test_run(registers: *mut Registers, code: u64);
    fn birgus_test_exit();
}

/// Where a trap sends the program counter, once.
#[derive(Clone, Debug)]
pub(crate) struct Detour {
    /// The address of the trapping byte.
    pub(crate) at: u64,
    pub(crate) to: u64,
    pub(crate) rcx: Option<u64>,
    pub(crate) rax: Option<u64>,
    /// Bytes that are put into memory first.
    pub(crate) restore: Vec<(u64, Vec<u8>)>,
}

static DETOURS: Mutex<Vec<Detour>> = Mutex::new(Vec::new());

/// The one machine.
pub(crate) struct Machine {
    _only: MutexGuard<'static, ()>,
    /// Where the door of each number is told.
    slots: Vec<(Option<u32>, u64)>,
    next_door: u64,
}

static ONLY: Mutex<()> = Mutex::new(());

impl Machine {
    pub(crate) fn new() -> Machine {
        let only = ONLY.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the area is mapped once, where nothing else is (NOREPLACE), or again over itself by a later machine.
        // The handlers and the stack they run on live as long as the process.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
            let place = ptr::without_provenance_mut(AREA);
            static MAPPED: Mutex<bool> = Mutex::new(false);
            let mut mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
            let how = if *mapped { libc::MAP_FIXED } else { libc::MAP_FIXED_NOREPLACE };
            assert_eq!(libc::mmap(place, AREA_SIZE, protection, flags | how, -1, 0), place);
            *mapped = true;
            let stack = Box::leak(vec![0_u8; 1 << 16].into_boxed_slice());
            let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
            assert_eq!(libc::sigaltstack(&raw const stack, ptr::null_mut()), 0);
            let mut action: libc::sigaction = std::mem::zeroed();
            let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_trap;
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            for signal in [libc::SIGILL, libc::SIGTRAP] {
                assert_eq!(libc::sigaction(signal, &raw const action, ptr::null_mut()), 0);
            }
        }
        Machine { _only: only, slots: Vec::new(), next_door: DOORS }
    }

    /// The slot of a door that makes the call of `rax`, or of one number whatever is in `rax`.
    pub(crate) fn slot(&mut self, number: Option<u32>) -> u64 {
        if let Some((_, slot)) = self.slots.iter().find(|(of, _)| *of == number) {
            return *slot;
        }
        let (slot, saved, door) = (self.next_door, self.next_door + 8, self.next_door + 16);
        self.next_door += 64;
        // mov [rip+saved], rcx; [mov eax, number;] syscall; mov rcx, [rip+saved]; jmp rcx
        let mut code = vec![0x48, 0x89, 0x0d];
        code.extend((saved.wrapping_sub(door + 7) as i32).to_le_bytes());
        if let Some(number) = number {
            code.push(0xb8);
            code.extend(number.to_le_bytes());
        }
        code.extend([0x0f, 0x05, 0x48, 0x8b, 0x0d]);
        let end = door + code.len() as u64 + 4;
        code.extend((saved.wrapping_sub(end) as i32).to_le_bytes());
        code.extend([0xff, 0xe1]);
        self.write(door, &code);
        self.write(slot, &door.to_le_bytes());
        self.slots.push((number, slot));
        slot
    }

    /// Puts bytes into the area.
    pub(crate) fn write(&mut self, address: u64, bytes: &[u8]) {
        write(address, bytes);
    }

    fn read(address: u64, size: usize) -> Vec<u8> {
        assert!(address >= AREA as u64 && address as usize + size <= AREA + AREA_SIZE);
        // SAFETY: inside the area, which is mapped and which only the machine uses.
        unsafe { std::slice::from_raw_parts(ptr::with_exposed_provenance(address as usize), size) }.to_vec()
    }

    /// Runs from an address with these registers (the stack pointer is set) and this data, and with detours at traps.
    pub(crate) fn run(&mut self, at: u64, registers: Registers, data: &[u8], detours: Vec<Detour>) -> Outcome {
        let mut registers = registers;
        registers.general[4] = STACK;
        self.write(DATA, data);
        self.write(STACK - COMPARED, &[0x5a; 2 * COMPARED as usize]);
        *DETOURS.lock().unwrap_or_else(PoisonError::into_inner) = detours;
        // SAFETY: the code at `at` is the tests' own: it ends at `birgus_test_exit`, writes to its data and stack only
        // and makes harmless calls; all registers that the ABI keeps are kept by `birgus_test_run`.
        unsafe { birgus_test_run(&raw mut registers, at) };
        let stack = Self::read(STACK - COMPARED, 2 * COMPARED as usize);
        Outcome { registers, data: Self::read(DATA, DATA_SIZE), stack }
    }
}

/// The address of the code's end.
pub(crate) fn exit() -> u64 {
    birgus_test_exit as *const () as u64
}

fn write(address: u64, bytes: &[u8]) {
    assert!(address >= AREA as u64 && address as usize + bytes.len() <= AREA + AREA_SIZE);
    // SAFETY: inside the area, which is mapped and which only the machine uses.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), ptr::with_exposed_provenance_mut(address as usize), bytes.len());
    }
}

extern "C" fn on_trap(signal: i32, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO its context.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    let registers = &mut context.uc_mcontext.gregs;
    // #BP is reported behind its instruction, #UD at it.
    let at = registers[libc::REG_RIP as usize] as u64 - u64::from(signal == libc::SIGTRAP);
    // The lock is free: the code that was interrupted does not take it.
    let mut detours = DETOURS.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(index) = detours.iter().position(|detour| detour.at == at) else {
        // Nothing can be unwound here.
        eprintln!("signal {signal} at {at:#x}");
        std::process::abort();
    };
    let detour = detours.swap_remove(index);
    registers[libc::REG_RIP as usize] = detour.to as i64;
    if let Some(rcx) = detour.rcx {
        registers[libc::REG_RCX as usize] = rcx as i64;
    }
    if let Some(rax) = detour.rax {
        registers[libc::REG_RAX as usize] = rax as i64;
    }
    for (address, bytes) in &detour.restore {
        write(*address, bytes);
    }
}
