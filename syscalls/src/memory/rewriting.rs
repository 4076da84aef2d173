//! System calls by jumps: a plan's patches are written into a program's pages as they come in.
//!
//! A page of text that holds sites is copied when it is first touched, before the program can see it; the copy gets the
//! jumps and is mapped instead of the file's page, which stays as it is for everybody else. So no program counter can
//! stand in bytes that change. Trampolines lie in pages of their own near the text, `[trampolines]` in
//! `/proc/self/maps`; they are never taken away, since a thread may sleep in one.
//!
//! Whatever changes a mapping with patched pages drops these first: the next touch brings the file's bytes again.

use super::area::{Area, AreaFlags, Backing, MappedFile, Protection, is_same_file};
use super::{AddressSpace, LOWEST_ADDRESS, State, page_of};
use crate::frame::{Frame, PAGE};
use crate::machine::{Access, machine};
use crate::registers::Registers;
use crate::table::NUMBERS;
use crate::user::USER_END;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec;
use birgus_rewriter::{Entry, Plan, Room, Site, Write};
use core::ops::Range;

/// Room right below the program: enough for most, and far from the lowest addresses, where programs look for nothing.
const BELOW: u64 = 1 << 20;
/// Room above it, for what finds no place there.
const NEAR: u64 = 64 << 20;
/// Where room above the program begins, behind what a heap may grow to.
const ABOVE: u64 = 1 << 30;
/// How often a place that turns out to be taken is given up for the next.
const ATTEMPTS: usize = 16;
/// What a trampoline's page lets a program do.
const CODE: Access = Access { read: true, write: false, execute: true };

/// A program's plan, and how far it has been carried out in one address space.
#[derive(Clone)]
pub(super) struct Rewriting {
    plan: Plan<'static>,
    file: Arc<MappedFile>,
    bias: u64,
    /// Where trampolines may still stand.
    room: Room,
    /// Where the doors' addresses stand, the general one first.
    slots: Option<u64>,
    /// The trampoline of each site that has one, by the site's number in the plan.
    places: BTreeMap<usize, u64>,
    sites: BTreeMap<u64, usize>,
    /// Where trampolines are: from the lowest to the program, and from there to the highest.
    hulls: [Range<u64>; 2],
    patched: BTreeSet<u64>,
}

/// The addresses of the doors' two slots, and what does without a door.
#[derive(Clone, Copy)]
struct Slots {
    any: u64,
    number: u64,
    leaf: fn(u32) -> Option<&'static [u8]>,
}

impl Slots {
    const SIZE: u64 = 16;

    /// `None` where there are no doors.
    fn at(place: u64) -> Option<Self> {
        Some(Self { any: place, number: place + 8, leaf: machine().doors()?.leaf })
    }

    /// How a site enters the kernel.
    fn entry(self, site: &Site<'_>) -> Entry<'static> {
        if let Some(code) = site.number().and_then(self.leaf) {
            return Entry::Leaf { code, any: self.any };
        }
        match site.number() {
            Some(number) if (number as usize) < NUMBERS => Entry::Number { slot: self.number, any: self.any },
            _ => Entry::Any { slot: self.any },
        }
    }
}

impl Rewriting {
    /// Makes no trampoline any more; gives the patched pages. What is known of trampolines stays, since a thread may
    /// be in one.
    fn retire(&mut self) -> BTreeSet<u64> {
        self.room = Room::default();
        self.places.clear();
        core::mem::take(&mut self.patched)
    }

    /// The site whose trampoline an address lies in, and the offset in it.
    fn within(&self, address: u64) -> Option<(Site<'static>, usize, Entry<'static>)> {
        // Most addresses are nowhere near, and signals want to be quick.
        if !self.hulls.iter().any(|hull| hull.contains(&address)) {
            return None;
        }
        let (&place, &number) = self.sites.range(..=address).next_back()?;
        let site = self.plan.site(number)?;
        let entry = Slots::at(self.slots?)?.entry(&site);
        let offset = usize::try_from(address - place).ok()?;
        (offset < site.trampoline_size(&entry)).then_some((site, offset, entry))
    }
}

impl AddressSpace {
    /// From now on system calls of the program that `file` holds become jumps as `plan` says. `image` is where the
    /// program lies, `bias` how far from where it was linked.
    pub fn rewrite(&self, plan: Plan<'static>, file: &Arc<MappedFile>, bias: u64, image: Range<u64>) {
        let below = image.start.saturating_sub(BELOW).max(LOWEST_ADDRESS)..image.start;
        let above = image.end.saturating_add(ABOVE)..image.end.saturating_add(ABOVE + NEAR).min(USER_END);
        let room = Room::new([below, above]);
        let (places, sites, patched) = Default::default();
        let hulls = [image.start..image.start, image.end..image.end];
        let file = file.clone();
        let rewriting = Rewriting { plan, file, bias, room, slots: None, places, sites, hulls, patched };
        self.state.lock().rewriting = Some(Box::new(rewriting));
    }

    /// Gives all patched pages back, and patches none any more.
    pub fn stop_rewriting(&self) {
        if let Some(rewriting) = &mut self.state.lock().rewriting {
            rewriting.retire().into_iter().for_each(|page| self.table.unmap(page, page + PAGE));
        }
    }

    /// The page of text that is to be mapped instead of `frame`, a page of `file`.
    pub(super) fn rewritten(&self, state: &mut State, page: u64, file: &Arc<MappedFile>, frame: Frame) -> Frame {
        let Some(mut rewriting) = state.rewriting.take() else { return frame };
        let frame =
            if is_same_file(file, &rewriting.file) { self.patch(state, &mut rewriting, page, frame) } else { frame };
        state.rewriting = Some(rewriting);
        frame
    }

    fn patch(&self, state: &mut State, rewriting: &mut Rewriting, page: u64, frame: Frame) -> Frame {
        let linked = page.wrapping_sub(rewriting.bias);
        let Some(end) = linked.checked_add(PAGE) else { return frame };
        let mut copy = None;
        for number in rewriting.plan.beginning_in(linked..end) {
            let Some(site) = rewriting.plan.site(number) else { continue };
            if !is_as_planned(&site, linked, &frame) {
                continue;
            }
            let Some(place) = self.trampoline(state, rewriting, number, &site) else { continue };
            let Ok(writes) = site.writes(place, rewriting.bias) else { continue };
            let target = match &copy {
                Some(copy) => copy,
                None => match frame.duplicate() {
                    Some(new) => copy.insert(new),
                    // Without memory the page stays as it is.
                    None => return frame,
                },
            };
            writes.for_each(|write: Write| target.write((write.address - page) as usize, write.bytes()));
        }
        match copy {
            Some(copy) => {
                rewriting.patched.insert(page);
                copy
            }
            None => frame,
        }
    }

    /// Where a site's trampoline stands; it is made when there is none yet. `None`: no place, or no memory.
    fn trampoline(&self, state: &mut State, rewriting: &mut Rewriting, number: usize, site: &Site<'_>) -> Option<u64> {
        if let Some(place) = rewriting.places.get(&number) {
            return Some(*place);
        }
        let slots = Slots::at(match rewriting.slots {
            Some(place) => place,
            None => self.make_slots(state, rewriting)?,
        })?;
        let entry = slots.entry(site);
        let size = site.trampoline_size(&entry);
        let bias = rewriting.bias;
        let place = self.take(state, &mut rewriting.room, size as u64, |from| site.next_place(from, bias))?;
        let mut code = vec![0; size];
        site.write_trampoline(&entry, place, bias, &mut code).ok()?;
        self.write_code(place, &code)?;
        rewriting.places.insert(number, place);
        rewriting.sites.insert(place, number);
        let [below, above] = &mut rewriting.hulls;
        if place < below.end {
            below.start = below.start.min(place);
        } else {
            above.end = above.end.max(place + size as u64);
        }
        Some(place)
    }

    fn make_slots(&self, state: &mut State, rewriting: &mut Rewriting) -> Option<u64> {
        let doors = machine().doors()?;
        let aligned = |from: u64| from.checked_next_multiple_of(Slots::SIZE);
        let place = self.take(state, &mut rewriting.room, Slots::SIZE, aligned)?;
        self.write_code(place, &[doors.any.to_le_bytes(), doors.number.to_le_bytes()].concat())?;
        rewriting.slots = Some(place);
        Some(place)
    }

    /// Takes room for code whose pages are there then.
    fn take(&self, state: &mut State, room: &mut Room, size: u64, next: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        for _ in 0..ATTEMPTS {
            let place = room.take(size, &next)?;
            let pages = page_of(place)..place + size;
            if pages.step_by(PAGE as usize).all(|page| self.make_page(state, page)) {
                return Some(place);
            }
        }
        None
    }

    /// Makes sure that a page for trampolines is there. `false`: something else is, or there is no memory.
    fn make_page(&self, state: &mut State, page: u64) -> bool {
        if let Some((_, area)) = state.areas.containing(page) {
            return area.flags.contains(AreaFlags::TRAMPOLINES);
        }
        let Some(frame) = Frame::zeroed() else { return false };
        if self.table.map(page, frame, CODE).is_err() {
            return false;
        }
        let (protection, flags) = (Protection::READ | Protection::EXECUTE, AreaFlags::TRAMPOLINES);
        state.areas.insert(page, Area { end: page + PAGE, protection, flags, backing: Backing::Anonymous });
        true
    }

    /// Writes into pages for trampolines, which are this space's own afterwards.
    fn write_code(&self, place: u64, code: &[u8]) -> Option<()> {
        let (mut at, mut rest) = (place, code);
        while !rest.is_empty() {
            let (page, within) = (page_of(at), (at % PAGE) as usize);
            self.own(page, self.table.lookup(page)?, CODE).ok()?;
            let (piece, more) = rest.split_at(rest.len().min(PAGE as usize - within));
            machine().write_frame(self.table.lookup(page)?.frame, within, piece);
            (at, rest) = (at + piece.len() as u64, more);
        }
        Some(())
    }

    /// Drops the patched pages of `[start, end)`. When trampolines are in it, all patched pages go, for good.
    pub(super) fn restore(&self, state: &mut State, start: u64, end: u64) {
        let Some(rewriting) = &mut state.rewriting else { return };
        let loses_trampolines =
            state.areas.within(start, end).any(|(_, area)| area.flags.contains(AreaFlags::TRAMPOLINES));
        let pages = if loses_trampolines {
            rewriting.retire()
        } else {
            let mut rest = rewriting.patched.split_off(&start);
            rewriting.patched.append(&mut rest.split_off(&end));
            rest
        };
        for page in pages {
            self.table.unmap(page, page + PAGE);
        }
    }

    /// Whether original bytes may differ from what is mapped in the page: then gives them.
    pub(super) fn original(&self, state: &State, page: u64, frame: &Frame) -> Option<Frame> {
        let rewriting = state.rewriting.as_ref().filter(|rewriting| rewriting.patched.contains(&page))?;
        let copy = frame.duplicate()?;
        let linked = page.wrapping_sub(rewriting.bias);
        for number in rewriting.plan.beginning_in(linked..linked.checked_add(PAGE)?) {
            let Some(site) = rewriting.plan.site(number).filter(|_| rewriting.places.contains_key(&number)) else {
                continue;
            };
            let springboard = site.springboard();
            let springboard = springboard.as_ref().map(|board| (board.address, &board.original[..]));
            for (address, bytes) in
                [Some((site.patch().address, site.patch().original)), springboard].into_iter().flatten()
            {
                copy.write((address - linked) as usize, bytes);
            }
        }
        Some(copy)
    }

    /// Where a program that ran into the middle of a patch goes on: the instruction that began there, in the
    /// trampoline.
    pub fn twin(&self, address: u64) -> Option<u64> {
        let state = self.state.lock();
        let rewriting = state.rewriting.as_ref()?;
        let linked = address.wrapping_sub(rewriting.bias);
        let site = rewriting.plan.site_at(linked)?;
        let number = rewriting.plan.beginning_in(site.address()..site.address() + 1).start;
        let place = rewriting.places.get(&number)?;
        let entry = Slots::at(rewriting.slots?)?.entry(&site);
        Some(place + site.twin(&entry, address, rewriting.bias)? as u64)
    }

    /// Takes registers of which the instruction pointer is in a trampoline, or at a door, to the place in the program
    /// that this stands for. Whether it was so.
    pub fn leave_trampoline(&self, registers: &mut Registers) -> bool {
        let state = self.state.lock();
        let Some(rewriting) = &state.rewriting else { return false };
        let at_door = registers.rip >= USER_END
            && machine().doors().is_some_and(|doors| [doors.any, doors.number].contains(&registers.rip));
        // At a door nothing has happened yet but the jump: the `syscall` is still to come.
        let (address, back) = if at_door { (registers.rcx, SYSCALL) } else { (registers.rip, 0) };
        match rewriting.within(address).and_then(|(site, offset, entry)| site.origin(&entry, offset, rewriting.bias)) {
            Some(origin) => {
                registers.rip = origin.address.wrapping_sub(back);
                registers.rcx = origin.rcx.unwrap_or(registers.rcx);
                registers.rax = origin.rax.unwrap_or(registers.rax);
                true
            }
            None if at_door => {
                registers.rip = registers.rcx.wrapping_sub(back);
                true
            }
            None => false,
        }
    }
}

/// Whether a page of `file` holds calls to be rewritten.
pub(super) fn has_sites(state: &State, page: u64, file: &Arc<MappedFile>) -> bool {
    state.rewriting.as_ref().is_some_and(|rewriting| {
        let linked = page.wrapping_sub(rewriting.bias);
        is_same_file(file, &rewriting.file)
            && linked.checked_add(PAGE).is_some_and(|end| !rewriting.plan.beginning_in(linked..end).is_empty())
    })
}

/// The length of `syscall`.
const SYSCALL: u64 = 2;

/// Whether all that a site's patch changes lies in the page, linked at `linked`, and holds what the plan says.
fn is_as_planned(site: &Site<'_>, linked: u64, frame: &Frame) -> bool {
    let holds = |address: u64, original: &[u8]| {
        let Some(within) = address.checked_sub(linked) else { return false };
        let mut bytes = [0; birgus_rewriter::MAXIMUM_PATCH];
        let Some(bytes) = bytes.get_mut(..original.len()) else { return false };
        if within + original.len() as u64 > PAGE {
            return false;
        }
        frame.read(within as usize, bytes);
        bytes == original
    };
    holds(site.patch().address, site.patch().original)
        && site.springboard().is_none_or(|board| holds(board.address, &board.original))
}
