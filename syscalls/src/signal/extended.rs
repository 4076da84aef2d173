//! The vector registers in a signal frame: an image of FXSAVE or XSAVE in the standard format (SDM volume 1, 13.4), and
//! in its bytes for software what Linux tells about it (`struct _fpx_sw_bytes`).

use crate::errno::{Errno, Result};
use crate::machine::{ExtendedFormat, Task};
use crate::thread::Thread;
use crate::user::{self, UserPtr};
use alloc::vec::Vec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of FXSAVE's image, with which each image begins.
const LEGACY_SIZE: usize = 512;
/// Bytes of XSAVE's header, which follows.
const HEADER_SIZE: usize = 64;
/// What FXSAVE does not write.
const LEGACY_UNWRITTEN: core::ops::Range<usize> = 416..LEGACY_SIZE;
/// Where the processor leaves room for software.
const SOFTWARE_OFFSET: usize = 464;
/// `FP_XSTATE_MAGIC1`: the software bytes are Linux's.
const MAGIC_1: u32 = 0x4650_5853;
/// `FP_XSTATE_MAGIC2`: behind the image, which is whole.
const MAGIC_2: u32 = 0x4650_5845;
const MAGIC_2_SIZE: usize = 4;
/// x87 and SSE: what FXSAVE saves.
const LEGACY_FEATURES: u64 = 3;

/// `struct _fpx_sw_bytes`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SoftwareBytes {
    magic_1: u32,
    /// The image with `MAGIC_2`.
    extended_size: u32,
    features: u64,
    /// The image.
    size: u32,
    padding: [u32; 7],
}

impl ExtendedFormat {
    const fn has_xsave(self) -> bool {
        self.size > LEGACY_SIZE
    }

    /// Bytes that the image takes in a frame.
    pub(super) const fn size_in_frame(self) -> usize {
        if self.has_xsave() { self.size + MAGIC_2_SIZE } else { self.size }
    }

    /// Whether `uc_flags` speaks of an XSAVE image.
    pub(super) const fn is_xsave(self) -> bool {
        self.has_xsave()
    }
}

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(64))]
struct Block([u8; 64]);

/// Bytes that begin at a multiple of 64, as XSAVE wants its image. A thread keeps the ones it has used, since it will
/// handle more than one signal: what they hold is what it left there.
#[derive(Default)]
pub(super) struct AlignedBytes(Vec<Block>);

impl AlignedBytes {
    /// As many bytes, for `work`. `ENOMEM`.
    pub(super) fn with<T>(thread: &Thread, length: usize, work: impl FnOnce(&mut [u8]) -> Result<T>) -> Result<T> {
        // Taken out, so that no lock is held over `work`.
        let mut bytes = core::mem::take(&mut *thread.signals.image.lock());
        let result = bytes.take(length).and_then(work);
        *thread.signals.image.lock() = bytes;
        result
    }

    fn take(&mut self, length: usize) -> Result<&mut [u8]> {
        let count = length.div_ceil(size_of::<Block>());
        if let Some(missing) = count.checked_sub(self.0.len()) {
            self.0.try_reserve_exact(missing).map_err(|_| Errno::ENOMEM)?;
            self.0.resize(count, Block([0; 64]));
        }
        self.0.as_mut_slice().as_mut_bytes().get_mut(..length).ok_or(Errno::ENOMEM)
    }
}

/// Fills in the image of the current thread's registers. `to` is aligned to 64 bytes and
/// [`size_in_frame`](ExtendedFormat::size_in_frame) long.
pub(super) fn save(task: &dyn Task, format: ExtendedFormat, to: &mut [u8]) {
    let software = SoftwareBytes {
        magic_1: MAGIC_1,
        extended_size: (format.size + MAGIC_2_SIZE) as u32,
        features: format.features,
        size: format.size as u32,
        padding: [0; 7],
    };
    let Some((image, magic_2)) = to.split_at_mut_checked(format.size) else { return };
    // What the processor does not write: bytes for software, the rest of the header.
    for unwritten in [LEGACY_UNWRITTEN, LEGACY_SIZE..LEGACY_SIZE + HEADER_SIZE] {
        if let Some(bytes) = image.get_mut(unwritten) {
            bytes.fill(0);
        }
    }
    task.save_extended(image);
    // Both exist: an image has at least 512 bytes, and XSAVE's 64 more.
    let _ = software.write_to_prefix(image.get_mut(SOFTWARE_OFFSET..).unwrap_or_default());
    if format.has_xsave() {
        // As Linux: x87 and SSE count as used, since a handler may write to them without knowing the header.
        if let Some(used) = image.get_mut(LEGACY_SIZE) {
            *used |= LEGACY_FEATURES as u8;
        }
        let _ = MAGIC_2.write_to(magic_2);
    }
}

/// Sets the current thread's registers from a frame's image at `address`; 0 stands for the initial state. `EFAULT` when
/// the image cannot be read or the processor would refuse it, `ENOMEM`.
pub(super) fn restore(thread: &Thread, task: &dyn Task, address: u64) -> Result<()> {
    if address == 0 {
        task.reset_extended();
        return Ok(());
    }
    let format = task.extended_format();
    let (size, features) = match software_bytes(thread, format, address)? {
        Some(software) => (software.size as usize, software.features),
        // A frame of a program that knows nothing of XSAVE: FXSAVE's part holds, the rest becomes initial.
        None => (LEGACY_SIZE, LEGACY_FEATURES),
    };
    AlignedBytes::with(thread, format.size, |image| {
        let (given, rest) = image.split_at_mut_checked(size).ok_or(Errno::EFAULT)?;
        user::copy_in(thread, address, given)?;
        rest.fill(0);
        let mut features = features & format.features;
        if size == LEGACY_SIZE {
            if let Some(header) = image.get_mut(LEGACY_SIZE..LEGACY_SIZE + size_of::<u64>()) {
                header.copy_from_slice(&LEGACY_FEATURES.to_le_bytes());
            }
            features &= LEGACY_FEATURES;
        }
        if task.restore_extended(image, features) { Ok(()) } else { Err(Errno::EFAULT) }
    })
}

/// The software bytes, if they are Linux's and describe an image that is whole and no larger than this machine's.
fn software_bytes(thread: &Thread, format: ExtendedFormat, address: u64) -> Result<Option<SoftwareBytes>> {
    if !format.has_xsave() {
        return Ok(None);
    }
    let software: SoftwareBytes = UserPtr::new(address.wrapping_add(SOFTWARE_OFFSET as u64)).read(thread)?;
    let size = software.size as usize;
    let is_plausible = software.magic_1 == MAGIC_1
        && size >= LEGACY_SIZE + HEADER_SIZE
        && size <= format.size
        && software.size <= software.extended_size;
    if !is_plausible {
        return Ok(None);
    }
    let magic_2: u32 = UserPtr::new(address.wrapping_add(size as u64)).read(thread)?;
    Ok((magic_2 == MAGIC_2).then_some(software))
}
