//! The x87, SSE and AVX state, which the kernel itself never touches: SDM volume 1, chapter 13.

use alloc::alloc::{alloc_zeroed, handle_alloc_error};
use core::alloc::Layout;
use core::arch::asm;
use core::arch::x86_64::{__cpuid_count, _xsetbv};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use x86_64::registers::control::{Cr4, Cr4Flags};

/// State components of XCR0: x87, SSE, AVX, and AVX-512's three. Not PKRU, not AMX.
const WANTED: u64 = 0b1110_0111;
/// Bytes of FXSAVE's image, which XSAVE's begins with.
const LEGACY_SIZE: usize = 512;

/// XCR0; 0 on a CPU without XSAVE.
static FEATURES: AtomicU64 = AtomicU64::new(0);
static SIZE: AtomicUsize = AtomicUsize::new(LEGACY_SIZE);

/// Turns on what the CPU has.
pub(crate) fn start() {
    let has_xsave = __cpuid_count(1, 0).ecx & 1 << 26 != 0;
    if has_xsave {
        // SAFETY: the CPU has XSAVE; x87 and SSE are always among the components.
        unsafe {
            Cr4::update(|flags| flags.insert(Cr4Flags::OSXSAVE));
            let possible = __cpuid_count(0xd, 0);
            let mut features = (u64::from(possible.edx) << 32 | u64::from(possible.eax)) & WANTED;
            if features & 0b1110_0000 != 0b1110_0000 || features & 0b100 == 0 {
                features &= 0b111;
            }
            _xsetbv(0, features);
            FEATURES.store(features, Ordering::Relaxed);
            SIZE.store(__cpuid_count(0xd, 0).ebx as usize, Ordering::Relaxed);
        }
    }
    reset();
}

/// What a program finds at its start, as far as it is not zero: two control words, and in the header x87 and SSE.
const INITIAL: [(usize, u8); 5] = [(0, 0x7f), (1, 0x03), (24, 0x80), (25, 0x1f), (HEADER.start, 0b11)];

#[repr(C, align(64))]
struct Initial([u8; HEADER.end]);

static RESET: Initial = {
    let mut image = [0; HEADER.end];
    let mut index = 0;
    while index < INITIAL.len() {
        image[INITIAL[index].0] = INITIAL[index].1;
        index += 1;
    }
    Initial(image)
};
/// Turns on the same on a CPU that is not the boot CPU.
pub(super) fn start_application() {
    let features = FEATURES.load(Ordering::Relaxed);
    if features != 0 {
        // SAFETY: as above; all CPUs of a machine are alike.
        unsafe {
            Cr4::update(|flags| flags.insert(Cr4Flags::OSXSAVE));
            _xsetbv(0, features);
        }
    }
    reset();
}

/// The live registers as a program finds them at its start.
pub(crate) fn reset() {
    // SAFETY: the header names what FXSAVE's part holds; all else becomes initial.
    unsafe { restore(RESET.0.as_ptr()) };
}

/// A thread's state while it does not run.
pub(crate) struct State {
    area: *mut u8,
}

// SAFETY: the area is this value's own.
unsafe impl Send for State {}
// SAFETY: a shared reference only lets the CPU that runs (or last ran) the thread save and load.
unsafe impl Sync for State {}

fn layout() -> Layout {
    Layout::from_size_align(SIZE.load(Ordering::Relaxed), 64).expect("a size from CPUID")
}

impl State {
    /// The state a program starts with: all zero but for the two control words.
    pub(crate) fn new() -> Self {
        // SAFETY: the size is not 0.
        let area = unsafe { alloc_zeroed(layout()) };
        if area.is_null() {
            handle_alloc_error(layout());
        }
        let state = Self { area };
        state.bytes_mut(|bytes| {
            for (at, value) in INITIAL {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
        });
        state
    }

    fn bytes_mut<R>(&self, edit: impl FnOnce(&mut [u8]) -> R) -> R {
        // SAFETY: the area has this size; nobody else looks at it now (see `Sync`).
        edit(unsafe { core::slice::from_raw_parts_mut(self.area, SIZE.load(Ordering::Relaxed)) })
    }

    /// Keeps the live registers here.
    pub(crate) fn save(&self) {
        // SAFETY: the area was made with this size and alignment.
        unsafe { save(self.area) };
    }

    /// Loads the live registers from here.
    pub(crate) fn restore(&self) {
        // SAFETY: the area holds what `new` or `save` put there, which the instruction takes.
        unsafe { restore(self.area) };
    }
}

/// # Safety
/// The area is an image in the standard format, aligned to 64, that the processor does not refuse, and holds all that
/// its header names.
unsafe fn restore(area: *const u8) {
    let features = FEATURES.load(Ordering::Relaxed);
    // SAFETY: the caller's promise; the instruction is there.
    unsafe {
        if features == 0 {
            asm!("fxrstor64 [{}]", in(reg) area, options(nostack, readonly));
        } else {
            asm!("xrstor64 [{}]", in(reg) area, in("eax") features as u32, in("edx") 0, options(nostack, readonly));
        }
    }
}

/// Bytes of an image and the components in it.
pub(crate) fn format() -> (usize, u64) {
    let features = FEATURES.load(Ordering::Relaxed);
    (SIZE.load(Ordering::Relaxed), if features == 0 { 0b11 } else { features })
}

/// The live registers as an image for a signal frame. The image is as long as [`format`] tells, aligned to 64 and
/// zero; bytes 464 to 511, which the processor leaves to software, stay as they are.
pub(crate) fn save_to(image: &mut [u8]) {
    assert!(image.len() >= SIZE.load(Ordering::Relaxed) && image.as_ptr().addr().is_multiple_of(64));
    // SAFETY: long enough and aligned, as just checked.
    unsafe { save(image.as_mut_ptr()) };
}

/// Where XSAVE's header stands: XSTATE_BV, XCOMP_BV, and 48 bytes that must be zero.
const HEADER: core::ops::Range<usize> = 512..576;
/// The bits that MXCSR has (DAZ among them, as on every x86-64 CPU with SSE2 since 2004).
const MXCSR_BITS: u32 = 0xffff;

/// Loads the live registers from an image that a program may have written, as far as its `features` go. `false`, with
/// nothing changed, when it holds what the processor would refuse.
pub(crate) fn restore_from(image: &mut [u8], features: u64) -> bool {
    let enabled = FEATURES.load(Ordering::Relaxed);
    assert!(image.len() >= SIZE.load(Ordering::Relaxed) && image.as_ptr().addr().is_multiple_of(64));
    let mxcsr = u32::from_le_bytes(core::array::from_fn(|at| image[24 + at]));
    // Of a compacted image, and of bits that no CPU has yet.
    let reserved = image.get(HEADER.start + 8..HEADER.end);
    if mxcsr & !MXCSR_BITS != 0 || reserved.is_some_and(|reserved| reserved != [0; 56]) {
        return false;
    }
    if let Some(header) = image.get_mut(HEADER.start..HEADER.start + 8) {
        let present = u64::from_le_bytes(core::array::from_fn(|at| header[at])) & features & enabled;
        header.copy_from_slice(&present.to_le_bytes());
    }
    // SAFETY: long enough, aligned, and nothing in it that the instruction refuses, as just checked: the bytes are the
    // kernel's own.
    unsafe { restore(image.as_ptr()) };
    true
}

/// # Safety
/// The area is as large as [`format`] tells, and aligned to 64.
unsafe fn save(area: *mut u8) {
    let features = FEATURES.load(Ordering::Relaxed);
    // SAFETY: the caller's promise; the instruction is there.
    unsafe {
        if features == 0 {
            asm!("fxsave64 [{}]", in(reg) area, options(nostack));
        } else {
            asm!("xsave64 [{}]", in(reg) area, in("eax") features as u32, in("edx") 0, options(nostack));
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // SAFETY: it came from the allocator with this layout.
        unsafe { alloc::alloc::dealloc(self.area, layout()) };
    }
}
