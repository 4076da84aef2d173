//! What `/proc/self/maps`, `smaps` and `statm` show.

use super::area::{Area, AreaFlags, Backing, Protection};
use super::areas::Counts;
use super::{AddressSpace, State};
use crate::errno::{Errno, Result};
use crate::frame::PAGE;
use crate::machine::{Mapped, machine};
use crate::user::USER_END;
use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter, Write};

/// An area as `/proc/self/maps` shows it; [`Display`] writes its line, without the newline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Its first byte.
    pub start: u64,
    /// The address behind its last byte.
    pub end: u64,
    /// What the program asked for.
    pub protection: Protection,
    /// What else holds.
    pub flags: AreaFlags,
    /// The offset in the file, in bytes.
    pub offset: u64,
    /// The device number, 0 without a file.
    pub device: u64,
    /// The inode number, 0 without a file.
    pub inode: u64,
    /// The file's path, `[heap]`, `[stack]`, or nothing.
    pub name: Vec<u8>,
}

/// Pages of a range that are there.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Residency {
    /// All.
    pub resident: u64,
    /// Those that others map as well: `Shared_*`.
    pub shared: u64,
    /// Those of `shared` that were written through this mapping: `Shared_Dirty`.
    pub shared_dirty: u64,
    /// Those that belong to no file: `Anonymous`.
    pub anonymous: u64,
    /// Bytes, where a page that n map counts for the nth part: `Pss`.
    pub proportional: u64,
    /// The bytes of `proportional` that are dirty: `Pss_Dirty`.
    pub proportional_dirty: u64,
    /// The bytes of `proportional` that belong to no file: `Pss_Anon`.
    pub proportional_anonymous: u64,
    /// Those written through this mapping.
    pub dirty: u64,
    /// Those used through this mapping: `Referenced`.
    pub referenced: u64,
    /// Those of a file: `statm`'s third number.
    pub file: u64,
}

impl Residency {
    /// Adds a page of an area with this backing; `is_shared` says whether the area is.
    fn add(&mut self, mapped: Mapped, is_file: bool, is_shared: bool) {
        let references = u64::from(machine().frame_references(mapped.frame)).max(1);
        // A file refers to its pages, too. What only this mapping refers to is a copy of its own.
        let is_files = is_file && (is_shared || references > 1);
        let mappings = if is_files { (references - 1).max(1) } else { references };
        let part = PAGE / mappings;
        let if_dirty = |amount| if mapped.dirty { amount } else { 0 };
        let if_anonymous = |amount| if is_files { 0 } else { amount };
        let shared = u64::from(mappings > 1);
        self.resident += 1;
        self.shared += shared;
        self.shared_dirty += if_dirty(shared);
        self.anonymous += if_anonymous(1);
        self.proportional += part;
        self.proportional_dirty += if_dirty(part);
        self.proportional_anonymous += if_anonymous(part);
        self.dirty += if_dirty(1);
        self.referenced += u64::from(mapped.accessed);
        self.file += u64::from(is_files);
    }
}

impl core::ops::AddAssign for Residency {
    fn add_assign(&mut self, other: Self) {
        self.resident += other.resident;
        self.shared += other.shared;
        self.shared_dirty += other.shared_dirty;
        self.anonymous += other.anonymous;
        self.proportional += other.proportional;
        self.proportional_dirty += other.proportional_dirty;
        self.proportional_anonymous += other.proportional_anonymous;
        self.dirty += other.dirty;
        self.referenced += other.referenced;
        self.file += other.file;
    }
}

impl AddressSpace {
    /// All areas, in order. `ENOMEM`.
    pub fn describe(&self) -> Result<Vec<Description>> {
        let state = self.state.lock();
        let mut all = Vec::new();
        all.try_reserve_exact(state.areas.len()).map_err(|_| Errno::ENOMEM)?;
        all.extend(state.areas.from(0).map(|(start, area)| self.description(&state, start, area)));
        Ok(all)
    }

    /// The area that an address lies in, for reports.
    pub fn describe_at(&self, address: u64) -> Option<Description> {
        let state = self.state.lock();
        state.areas.containing(address).map(|(start, area)| self.description(&state, start, area))
    }

    /// The pages mapped, by kind: `VmSize`, `VmData`, `VmLck`.
    pub fn counts(&self) -> Counts {
        self.state.lock().areas.counts()
    }

    /// Where the heap begins and ends, to the byte.
    pub fn heap(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.break_start, state.break_end)
    }

    /// The pages that are there in the areas of `[start, end)`; `0..u64::MAX` for all.
    pub fn resident(&self, start: u64, end: u64) -> Residency {
        let state = self.state.lock();
        let mut all = Residency::default();
        let end = end.min(USER_END);
        for (from, area) in state.areas.within(start, end) {
            let is_file = !area.is_anonymous();
            self.table.visit(from.max(start), area.end.min(end), &mut |_, mapped| {
                all.add(mapped, is_file, area.is_shared());
            });
        }
        all
    }

    fn description(&self, state: &State, start: u64, area: &Area) -> Description {
        let Area { end, protection, flags, .. } = *area;
        let (offset, device, inode, name) = match &area.backing {
            Backing::File { file, index } => (index * PAGE, file.device, file.inode, file.name.bytes()),
            Backing::Anonymous => {
                let is_heap = start < state.break_end && end > state.break_start;
                let is_stack = (start..end).contains(&(self.layout.stack_top - 1));
                let name: &[u8] = match (is_heap, is_stack) {
                    _ if flags.contains(AreaFlags::TRAMPOLINES) => b"[trampolines]",
                    (true, _) => b"[heap]",
                    (_, true) => b"[stack]",
                    _ => b"",
                };
                (0, 0, 0, name.to_vec())
            }
        };
        Description { start, end, protection, flags, offset, device, inode, name }
    }
}

impl Description {
    /// The device's major and minor number, of the number that `stat(2)` gives.
    const fn device_numbers(&self) -> (u64, u64) {
        let major = (self.device >> 8) & 0xfff | (self.device >> 32) & !0xfff;
        let minor = self.device & 0xff | (self.device >> 12) & !0xff;
        (major, minor & 0xffff_ffff)
    }
}

impl Display for Description {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let letter = |protection, letter| if self.protection.contains(protection) { letter } else { '-' };
        let (major, minor) = self.device_numbers();
        let line = alloc::format!(
            "{:08x}-{:08x} {}{}{}{} {:08x} {major:02x}:{minor:02x} {} ",
            self.start,
            self.end,
            letter(Protection::READ, 'r'),
            letter(Protection::WRITE, 'w'),
            letter(Protection::EXECUTE, 'x'),
            if self.flags.contains(AreaFlags::SHARED) { 's' } else { 'p' },
            self.offset,
            self.inode,
        );
        if self.name.is_empty() {
            return f.write_str(&line);
        }
        write!(f, "{line:<72} ")?;
        // A newline would end the line: it is written in octal, all else as it is as far as it is UTF-8.
        for piece in self.name.utf8_chunks() {
            for letter in piece.valid().chars() {
                if letter == '\n' { f.write_str("\\012")? } else { f.write_char(letter)? }
            }
            if !piece.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}
