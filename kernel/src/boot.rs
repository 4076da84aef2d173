//! What the loader below us tells: command line, modules, memory.

mod multiboot;
mod pvh;

use crate::memory::frames::{self, FRAME};
use crate::memory::layout::direct;
use birgus_syscalls::frame::Frame;
use core::arch::global_asm;
use core::ops::Range;
use core::sync::atomic::Ordering;

global_asm!(include_str!("boot/entry.S"));

/// A list that needs no heap: at most `N` entries, more are dropped.
pub(crate) struct List<T, const N: usize> {
    items: [T; N],
    length: usize,
}

impl<T: Clone + Default, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self { items: core::array::from_fn(|_| T::default()), length: 0 }
    }
}

impl<T, const N: usize> List<T, N> {
    fn push(&mut self, item: T) {
        if let Some(place) = self.items.get_mut(self.length) {
            *place = item;
            self.length += 1;
        }
    }
}

impl<T, const N: usize> core::ops::Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items[..self.length]
    }
}

/// A file that the loader put into memory.
#[derive(Clone, Default)]
pub(crate) struct Module {
    /// Physical addresses.
    pub(crate) place: Range<u64>,
    /// What the loader says about it: with QEMU's `-initrd 'PATH ARGUMENT …'` these words, otherwise nothing.
    pub(crate) command_line: &'static [u8],
}

impl Module {
    /// The content.
    pub(crate) fn bytes(&self) -> &'static [u8] {
        // SAFETY: modules are never given to the frame allocator, and nothing writes to them.
        unsafe { bytes(self.place.clone()) }
    }
}

impl Module {
    /// A page of the module, zeros behind its end. The frames are nobody else's: each has one reference for ever, so
    /// that it is never freed.
    pub(crate) fn frame(&self, index: u64) -> Option<Frame> {
        let start = self.place.start + index * FRAME;
        if !self.place.start.is_multiple_of(FRAME) || start >= self.place.end {
            return None;
        }
        let number = u32::try_from(start / FRAME).ok()?;
        let record = frames::record(number);
        record.fetch_add(1, Ordering::Relaxed);
        Some(Frame::from_number(number))
    }
}

/// Everything the loader tells.
#[derive(Default)]
pub(crate) struct Information {
    /// Without the kernel's own name.
    pub(crate) command_line: &'static [u8],
    /// In order.
    pub(crate) modules: List<Module, 8>,
    /// Usable memory, as told: not sorted, the kernel and the modules lie in it.
    pub(crate) memory: List<Range<u64>, 32>,
    /// Where the strings above lie; QEMU puts them behind the last module.
    strings: List<Range<u64>, 16>,
}

impl Information {
    /// Reads what the loader left: `magic` tells which kind, `block` is its physical address. `None`: neither kind.
    ///
    /// # Safety
    /// The two are what the entry found in its registers.
    pub(crate) unsafe fn read(magic: u32, block: u32) -> Option<Self> {
        // SAFETY: the caller's promise.
        unsafe {
            match magic {
                multiboot::MAGIC => Some(multiboot::read(block.into())),
                _ => pvh::read(block.into()),
            }
        }
    }

    /// Whether the host's tool started this machine: then one of the modules is its handover.
    pub(crate) fn is_from_tool(&self) -> bool {
        self.modules.iter().any(|module| module.bytes().starts_with(&birgus_loader::handover::MAGIC))
    }

    /// Takes a string of the loader's, and note of where it lies. Address 0: there is none.
    ///
    /// # Safety
    /// A string that ends with a zero byte is there.
    unsafe fn take_string(&mut self, address: u64) -> &'static [u8] {
        if address == 0 {
            return &[];
        }
        // SAFETY: the caller's promise; `free_memory` leaves the string alone.
        let string = unsafe { string(address) };
        let place = address..address + string.len() as u64 + 1;
        // The last place holds whatever does not fit any more.
        match self.strings.items.get_mut(self.strings.length.min(15)) {
            Some(last) if self.strings.length > 15 => *last = last.start.min(place.start)..last.end.max(place.end),
            _ => self.strings.push(place),
        }
        string
    }

    /// Usable memory without the kernel, the modules and the strings: frames that may be given out. The rest of what
    /// the loader left has been read and is not needed any more. Page 0 stays out: it holds the BIOS' data, and address
    /// 0 means "none" in more than one place.
    pub(crate) fn free_memory(&self) -> List<Range<u64>, 64> {
        let image = crate::memory::layout::image();
        let modules = || self.modules.iter().map(|module| module.place.clone());
        let taken = || modules().chain(self.strings.iter().cloned()).chain([0..FRAME, image.clone()]);
        let mut free = List::default();
        for region in self.memory.iter() {
            subtract(region.clone(), &taken, &mut free);
        }
        free
    }
}

/// Pushes what is left of `region` without the ranges `taken`.
fn subtract<I: Iterator<Item = Range<u64>>>(
    region: Range<u64>,
    taken: &impl Fn() -> I,
    free: &mut List<Range<u64>, 64>,
) {
    let region = region.start.next_multiple_of(4096)..region.end & !4095;
    if region.is_empty() {
        return;
    }
    match taken().find(|other| other.start < region.end && region.start < other.end) {
        Some(other) => {
            if region.start < other.start {
                subtract(region.start..other.start, taken, free);
            }
            if other.end < region.end {
                subtract(other.end..region.end, taken, free);
            }
        }
        None => free.push(region),
    }
}

/// Physical memory below 1 GiB as bytes.
///
/// # Safety
/// The range is memory that nothing writes to as long as the bytes are used.
unsafe fn bytes(place: Range<u64>) -> &'static [u8] {
    let length = place.end.saturating_sub(place.start) as usize;
    // SAFETY: the caller's promise; the direct map covers it.
    unsafe { core::slice::from_raw_parts(direct(place.start) as *const u8, length) }
}

/// A string in physical memory that ends with a zero byte.
///
/// # Safety
/// As for [`bytes`].
unsafe fn string(address: u64) -> &'static [u8] {
    // SAFETY: the caller's promise.
    unsafe { core::ffi::CStr::from_ptr(direct(address) as *const core::ffi::c_char).to_bytes() }
}
