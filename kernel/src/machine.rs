//! The machine as the personality sees it.

use crate::cpu::percpu::{self, this_cpu};
use crate::cpu::{clock, extended, syscall};
use crate::device::{self, console};
use crate::memory::frames::{self, FRAME};
use crate::memory::layout::direct;
use crate::memory::{copy, space::Space, tlb};
use crate::{power, random, task, vdso};
use alloc::boxed::Box;
use alloc::sync::Arc;
use birgus_syscalls::console::CONSOLE;
use birgus_syscalls::frame::Frame;
use birgus_syscalls::machine::{Doors, Machine, OutOfMemory, PageTable, Processor, Vdso};
use birgus_syscalls::network::{self, NetworkDevice};
use birgus_syscalls::registers::Registers;
use birgus_syscalls::thread::Thread;
use birgus_syscalls::time::{Instant, SECOND};
use birgus_syscalls::wire::Ending;
use core::arch::x86_64::{__cpuid, __cpuid_count, CpuidResult};
use core::sync::atomic::Ordering;

/// This machine.
pub(crate) struct Hardware;

/// A frame's bytes.
fn bytes(frame: u32, offset: usize, length: usize) -> *mut [u8] {
    debug_assert!(offset + length <= FRAME as usize);
    let start = direct(u64::from(frame) * FRAME) as *mut u8;
    core::ptr::slice_from_raw_parts_mut(start.wrapping_add(offset), length)
}

impl Machine for Hardware {
    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), usize> {
        copy::from_user(from, to)
    }

    fn copy_to_user(&self, to: u64, from: &[u8]) -> Result<(), usize> {
        copy::to_user(to, from)
    }

    fn copy_frame_to_user(&self, to: u64, frame: u32, offset: usize, length: usize) -> Result<(), usize> {
        // SAFETY: the caller holds a reference to the frame; a program that writes to it meanwhile changes bytes,
        // nothing else.
        copy::to_user(to, unsafe { &*bytes(frame, offset, length) })
    }

    fn copy_user_to_frame(&self, from: u64, frame: u32, offset: usize, length: usize) -> Result<(), usize> {
        // SAFETY: as above.
        copy::from_user(from, unsafe { &mut *bytes(frame, offset, length) })
    }

    fn zero_user(&self, to: u64, length: usize) -> Result<(), usize> {
        copy::zero(to, length)
    }

    fn compare_exchange_user(&self, address: u64, old: u32, new: u32) -> Result<u32, usize> {
        copy::compare_exchange(address, old, new)
    }

    fn allocate_frame(&self, zeroed: bool) -> Option<Frame> {
        let number = frames::allocate_for_program()?;
        if zeroed {
            self.zero_frame(number, 0, FRAME as usize);
        }
        Some(Frame::from_number(number))
    }

    fn retain_frame(&self, frame: u32) {
        frames::record(frame).fetch_add(1, Ordering::Relaxed);
    }

    fn release_frame(&self, frame: u32) {
        if frames::record(frame).fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: that was the last reference.
            unsafe { frames::free(frame, 1) };
        }
    }

    fn frame_references(&self, frame: u32) -> u32 {
        frames::record(frame).load(Ordering::Acquire)
    }

    fn read_frame(&self, frame: u32, offset: usize, to: &mut [u8]) {
        // SAFETY: the caller holds a reference and has checked the range.
        to.copy_from_slice(unsafe { &*bytes(frame, offset, to.len()) });
    }

    fn write_frame(&self, frame: u32, offset: usize, from: &[u8]) {
        // SAFETY: as above.
        unsafe { (*bytes(frame, offset, from.len())).copy_from_slice(from) };
    }

    fn zero_frame(&self, frame: u32, offset: usize, length: usize) {
        let place = bytes(frame, offset, length).cast::<u8>();
        if offset == 0 && length == FRAME as usize {
            // SAFETY: as above; whole frames are aligned.
            unsafe {
                core::arch::asm!("rep stosq", inout("rcx") 512 => _, inout("rdi") place => _, in("rax") 0, options(nostack));
            };
        } else {
            // SAFETY: as above.
            unsafe { place.write_bytes(0, length) };
        }
    }

    fn copy_frame(&self, to: u32, from: u32) {
        let (to, from) = (bytes(to, 0, 0).cast::<u8>(), bytes(from, 0, 0).cast::<u8>());
        // SAFETY: two whole frames, to each of which the caller holds a reference.
        unsafe {
            core::arch::asm!("rep movsq", inout("rcx") 512 => _, inout("rdi") to => _, inout("rsi") from => _, options(nostack));
        }
    }

    fn frames(&self) -> (u64, u64) {
        frames::count()
    }

    fn new_page_table(&self) -> Result<Box<dyn PageTable>, OutOfMemory> {
        Ok(Space::new()?)
    }

    fn current(&self) -> Arc<Thread> {
        let thread = this_cpu().current.get();
        assert!(!thread.is_null(), "no thread runs yet");
        // SAFETY: while a thread runs, its CPU's pointer comes from an Arc that its task holds.
        unsafe {
            Arc::increment_strong_count(thread);
            Arc::from_raw(thread)
        }
    }

    fn start_thread(&self, thread: Arc<Thread>, registers: &Registers, fs_base: u64) -> Result<(), OutOfMemory> {
        task::start_thread(thread, registers, fs_base)
    }

    fn park(&self, deadline: Option<Instant>) {
        task::park(deadline);
    }

    fn yield_now(&self) {
        task::yield_now();
    }

    fn exit_thread(&self) -> ! {
        task::exit_thread()
    }

    fn power_off(&self, code: u8, by_signal: bool) -> ! {
        task::wait_while(network::is_delivering, clock::now().after(SECOND));
        CONSOLE.flush_log(console::look);
        CONSOLE.end(if by_signal { Ending::Killed(code & 127) } else { Ending::Exited(code) });
        console::flush();
        power::end(code)
    }

    fn monotonic(&self) -> Instant {
        clock::now()
    }

    fn arm(&self, deadline: Instant) {
        clock::arm(deadline);
    }

    fn realtime_offset(&self) -> u64 {
        clock::realtime_offset()
    }

    fn set_realtime_offset(&self, nanoseconds: u64) {
        clock::set_realtime_offset(nanoseconds);
    }

    fn random(&self, to: &mut [u8]) {
        random::fill(to);
    }

    fn network(&self) -> Option<&'static dyn NetworkDevice> {
        device::network::find()
    }

    fn processor(&self) -> Processor {
        let (extended_size, _) = extended::format();
        Processor { hwcap: __cpuid(1).edx, extended_size }
    }

    fn vdso(&self) -> Option<Vdso> {
        Some(vdso::pages())
    }

    fn doors(&self) -> Option<Doors> {
        Some(syscall::doors())
    }

    fn cpuid(&self, leaf: u32, subleaf: u32) -> [u32; 4] {
        let CpuidResult { eax, ebx, ecx, edx } = __cpuid_count(leaf, subleaf);
        [eax, ebx, ecx, edx]
    }

    fn counter_khz(&self) -> u64 {
        clock::counter_khz()
    }

    fn cpus(&self) -> usize {
        percpu::count()
    }

    fn current_cpu(&self) -> usize {
        this_cpu().number()
    }

    fn synchronise_cpus(&self) {
        tlb::synchronise();
    }

    fn log(&self, line: core::fmt::Arguments<'_>) {
        console::log(line);
    }

    fn report(&self, line: core::fmt::Arguments<'_>) {
        console::report(line);
    }

    fn trace_line(&self, line: &str) {
        CONSOLE.trace(line.as_bytes(), console::look);
    }
}
