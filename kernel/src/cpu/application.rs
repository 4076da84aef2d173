//! Application processors: the CPUs beside the one that boots. They are started one after another, by the numbers of
//! their local APICs, which are 0, 1, 2 and so on as QEMU gives them; how many there are is told to the kernel.

use super::percpu::{self, MAXIMUM, this_cpu};
use super::{apic, clock, descriptors, extended, lock, syscall};
use crate::memory::layout::direct;
use crate::memory::{kernel_half, stacks};
use birgus_syscalls::time::{Instant, SECOND};
use core::arch::global_asm;
use core::arch::x86_64::__cpuid;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use x86_64::registers::model_specific::Msr;

/// The page where they begin; what is in it meanwhile is put back.
const PAGE: u64 = 0x8000;

global_asm!(
    include_str!("application.S"),
    PAGE = const PAGE,
    STACKS = sym STACKS,
    begin = sym begin,
);

unsafe extern "C" {
    static application_start: u8;
    static application_end: u8;
}

/// The stacks on which they begin.
static STACKS: [AtomicU64; MAXIMUM] = [const { AtomicU64::new(0) }; MAXIMUM];
/// How many have come into the kernel.
static ARRIVED: AtomicUsize = AtomicUsize::new(0);
/// Whether they may go on.
static GO: AtomicBool = AtomicBool::new(false);

/// Why there are not as many CPUs as there should be.
pub(crate) enum StartError {
    /// No frame for a stack.
    OutOfMemory,
    /// This one does not start.
    Silent(usize),
}

/// Starts the others so that `count` CPUs run. The local APIC and the clock are on. Afterwards this CPU has the
/// kernel's lock, and the others wait for it.
pub(crate) fn start(count: usize) -> Result<(), StartError> {
    let count = count.min(MAXIMUM);
    if count < 2 {
        return Ok(());
    }
    for stack in &STACKS[1..count] {
        stack.store(stacks::new().ok_or(StartError::OutOfMemory)?, Ordering::Relaxed);
    }
    let from = &raw const application_start;
    // SAFETY: the two symbols enclose the code.
    let code = unsafe { core::slice::from_raw_parts(from, (&raw const application_end).offset_from_unsigned(from)) };
    // SAFETY: this page below 640 KiB is memory on every PC, in the direct map; nobody but this function touches
    // memory now, and at its end the page is what it was.
    let page = unsafe { core::slice::from_raw_parts_mut(direct(PAGE) as *mut u8, code.len()) };
    let before = page.to_vec();
    page.copy_from_slice(code);
    let outcome = kernel_half::with_identity(|| (1..count).try_for_each(start_one));
    page.copy_from_slice(&before);
    outcome?;
    this_cpu().idle_stack.set(stacks::boot_top());
    percpu::set_count(count);
    syscall::choose_door(false);
    tell_number();
    lock::take();
    GO.store(true, Ordering::Release);
    Ok(())
}

fn wait(nanoseconds: u64, until: impl Fn() -> bool) {
    let end = Instant(clock::now().0 + nanoseconds);
    while !until() && clock::now() < end {
        core::hint::spin_loop();
    }
}

/// INIT, and twice "start up", if the first time is not enough (SDM volume 3, 9.4.4.1).
fn start_one(cpu: usize) -> Result<(), StartError> {
    let has_arrived = || ARRIVED.load(Ordering::Acquire) >= cpu;
    apic::reset(cpu);
    wait(SECOND / 100, || false);
    for patience in [SECOND / 1000, 5 * SECOND] {
        apic::start_up(cpu, (PAGE >> 12) as u8);
        wait(patience, has_arrived);
        if has_arrived() {
            return Ok(());
        }
    }
    Err(StartError::Silent(cpu))
}

/// The first Rust code of another CPU, on its own stack, with interrupts off.
extern "C" fn begin(number: usize) -> ! {
    ARRIVED.fetch_add(1, Ordering::Release);
    while !GO.load(Ordering::Acquire) {
        core::hint::spin_loop();
    }
    // The identity mapping is gone by now.
    x86_64::instructions::tlb::flush_all();
    percpu::start(number);
    this_cpu().idle_stack.set(STACKS[number].load(Ordering::Relaxed));
    lock::take();
    descriptors::start(number).expect("memory for the CPU's stacks");
    extended::start_application();
    syscall::start();
    apic::start_application();
    tell_number();
    crate::task::run()
}

/// IA32_TSC_AUX.
const NUMBER: u32 = 0xc000_0103;

/// Whether the instruction RDTSCP is there (CPUID leaf 0x8000_0001).
pub(crate) fn has_rdtscp() -> bool {
    __cpuid(0x8000_0001).edx & 1 << 27 != 0
}

/// Lets programs read this CPU's number by RDTSCP, as the vDSO does.
fn tell_number() {
    if has_rdtscp() {
        // SAFETY: the register is there where the instruction is; nothing else uses it.
        unsafe { Msr::new(NUMBER).write(this_cpu().number() as u64) };
    }
    crate::vdso::tell_several(has_rdtscp());
}
