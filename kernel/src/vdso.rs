//! The vDSO (`vdso(7)`): a shared object that the kernel maps into every program, so that it can read the clocks
//! without a system call.
//!
//! Two pages: the object, and below it the numbers that it computes with, which are the very ones that the kernel's
//! clock computes with. So both always say the same time.

use crate::memory::frames::{self, FRAME};
use crate::memory::layout::KERNEL_BASE;
use birgus_syscalls::frame::Frame;
use birgus_syscalls::machine::Vdso;
use birgus_syscalls::time::clock::COARSE;
use core::arch::global_asm;
use core::mem::offset_of;
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Once;

global_asm!(
    include_str!("vdso/image.S"),
    ORIGIN = const offset_of!(Data, origin),
    SCALE = const offset_of!(Data, scale),
    REALTIME = const offset_of!(Data, realtime),
    SEVERAL = const offset_of!(Data, several),
    COARSE = const COARSE,
);

/// The page that every program can read. Each number is read at once, and only the last one ever changes after the
/// start: there is no torn state that a sequence counter would have to tell of.
#[repr(C, align(4096))]
pub(crate) struct Data {
    /// Value of the time stamp counter at time 0.
    pub(crate) origin: AtomicU64,
    /// Nanoseconds a tick, times 2^32.
    pub(crate) scale: AtomicU64,
    /// Nanoseconds since 1970 at time 0; the maximum: the kernel has to be asked first.
    pub(crate) realtime: AtomicU64,
    /// How the CPU's number is found: it is 0; by RDTSCP; the kernel has to be asked.
    several: AtomicU64,
}

/// That page.
#[unsafe(link_section = ".bss.pages")]
pub(crate) static DATA: Data = Data {
    origin: AtomicU64::new(0),
    scale: AtomicU64::new(0),
    realtime: AtomicU64::new(0),
    several: AtomicU64::new(0),
};

/// There are several CPUs; whether RDTSCP tells their numbers.
pub(crate) fn tell_several(by_rdtscp: bool) {
    DATA.several.store(if by_rdtscp { 1 } else { 2 }, Ordering::Relaxed);
}

unsafe extern "C" {
    static vdso_image: u8;
}

/// The two pages. They lie in the kernel's image and have a reference for ever, so that they are never freed.
pub(crate) fn pages() -> Vdso {
    static KEPT: Once = Once::new();
    let places = [(&raw const DATA) as u64, (&raw const vdso_image) as u64].map(|address| address - KERNEL_BASE);
    KEPT.call_once(|| places.iter().for_each(|&place| frames::keep(place..place + FRAME)));
    let [data, image] = places.map(|place| {
        let number = (place / FRAME) as u32;
        frames::record(number).fetch_add(1, Ordering::Relaxed);
        Frame::from_number(number)
    });
    Vdso { data, image }
}
