//! Which patch a site gets.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;
use iced_x86::Instruction;

use super::explore::Explorer;
use super::flow::{Flow, is_site};
use super::map::{CONTRADICTION, END, FUNCTION, INSIDE, KNOWN, Map, PADDING, START, TARGET};
use super::movable::movable;
use super::number::Effect;
use super::{Analysis, Finding, Reason};
use crate::displacement::{Constraint, JUMP};
use crate::plan::{Draft, MAXIMUM_PATCH, Moved, SYSCALL, Springboard, Tactic};

/// Instructions that are looked at before a site, and behind it.
const NEIGHBOURS: usize = 8;
/// Instructions that are looked at for a number to tell.
const FAR_NEIGHBOURS: usize = 24;
/// `rt_sigreturn`.
const SIGNAL_RETURN: u32 = 15;
/// A constraint that asks for more than this is hard to fulfil: see [`Constraint::window`].
const EASY: u64 = 1 << 16;

/// A way to patch a site and how dear it is.
struct Candidate {
    /// By rank: how often a place fulfils its constraint; the tactic; bytes.
    cost: (bool, u64, Tactic, usize),
    draft: Draft,
}

/// Chooses for all sites.
pub(super) fn choose(explorer: &mut Explorer<'_, '_>) -> Analysis {
    let map = &mut explorer.map;
    let mut analysis = Analysis::default();
    let (pairs, unproven, sites) = find_sites(map);
    (analysis.byte_pairs, analysis.unproven) = (pairs, unproven);
    let mut ways = Vec::new();
    for site in sites {
        let number = number_told(map, &site);
        let is_watched = map.marks(site.next_ip()) & KNOWN != 0;
        let mut finding = Finding { address: site.ip(), number, is_watched, verdict: Err(Reason::NoRoom) };
        match candidates(map, &site, number) {
            Ok(found) => {
                let index = analysis.sites.len();
                ways.extend(found.into_iter().map(|candidate| (candidate.cost, index, candidate.draft)));
            }
            Err(reason) => finding.verdict = Err(reason),
        }
        analysis.sites.push(finding);
    }
    // The cheapest of all first. A site whose way is taken by a neighbour goes on to its next one.
    ways.sort_by_key(|(cost, index, _)| (*cost, *index));
    let mut taken = Taken::default();
    for (_, index, draft) in ways {
        let Some(finding) = analysis.sites.get_mut(index) else { continue };
        match finding.verdict {
            Err(Reason::NoRoom | Reason::Neighbours) if taken.take(&draft) => finding.verdict = Ok(draft),
            Err(Reason::NoRoom) => finding.verdict = Err(Reason::Neighbours),
            _ => {}
        }
    }
    analysis
}

/// Bytes that patches and springboards have.
#[derive(Default)]
struct Taken(BTreeMap<u64, u64>);

impl Taken {
    fn take(&mut self, draft: &Draft) -> bool {
        let springboard = draft.springboard.map(|place| place.address..place.address.saturating_add(JUMP as u64));
        let ranges: Vec<Range<u64>> = [Some(draft.address..draft.end()), springboard].into_iter().flatten().collect();
        if ranges.iter().any(|range| self.overlaps(range)) {
            return false;
        }
        self.0.extend(ranges.into_iter().map(|range| (range.start, range.end)));
        true
    }

    fn overlaps(&self, range: &Range<u64>) -> bool {
        self.0.range(..range.end).next_back().is_some_and(|(_, &end)| end > range.start)
    }
}

/// How often `0f 05` stands in the code; how many of them nothing is known about; the `syscall` instructions.
fn find_sites(map: &mut Map<'_>) -> (usize, usize, Vec<Instruction>) {
    let mut addresses = Vec::new();
    let (mut pairs, mut unproven) = (0, 0);
    for region in &map.regions {
        let places = region.bytes.windows(2).enumerate().filter(|(_, pair)| *pair == [0x0f, 0x05]);
        for (place, _) in places {
            pairs += 1;
            let marks = region.marks.get(place).copied().unwrap_or_default();
            let address = region.address.saturating_add(place as u64);
            if marks & (START | INSIDE | PADDING) == 0 {
                unproven += 1;
            } else {
                addresses.push(address);
            }
        }
    }
    let mut sites = Vec::new();
    for address in addresses {
        // Behind prefixes the instruction begins before the pair.
        let start = if map.marks(address) & START != 0 { Some(address) } else { start_of(map, address) };
        let instruction = start.and_then(|start| map.decode(start)).filter(is_site);
        sites.extend(instruction);
    }
    (pairs, unproven, sites)
}

/// The start of the instruction around this byte.
fn start_of(map: &Map<'_>, address: u64) -> Option<u64> {
    (1..=14).filter_map(|back| address.checked_sub(back)).find(|&at| map.marks(at) & START != 0)
}

/// The number that the instructions before load, as far as one can see.
fn number_told(map: &mut Map<'_>, site: &Instruction) -> Option<u32> {
    let mut address = site.ip();
    for _ in 0..FAR_NEIGHBOURS {
        if map.marks(address) & TARGET != 0 {
            return None;
        }
        let instruction = map.before(address)?;
        if !Flow::of(&instruction).goes_on() {
            return None;
        }
        match Effect::of(&instruction) {
            Effect::Becomes(number) => return Some(number),
            Effect::Unknown => return None,
            Effect::None => address = instruction.ip(),
        }
    }
    None
}

/// All ways to patch a site.
fn candidates(map: &mut Map<'_>, site: &Instruction, number: Option<u32>) -> Result<Vec<Candidate>, Reason> {
    if number == Some(SIGNAL_RETURN) || is_signal_return(map, site) {
        return Err(Reason::SignalReturn);
    }
    if site.len() != SYSCALL {
        return Err(Reason::Prefixed);
    }
    if has_contradiction(map, site.ip()..site.next_ip()) {
        return Err(Reason::Contradiction);
    }
    let before = neighbours_before(map, site);
    let after = neighbours_after(map, site);
    let mut drafts = Vec::new();
    for count in 1..=before.len() {
        drafts.extend(around(map, site, before.get(..count).unwrap_or_default(), None));
    }
    for before_count in 0..=before.len() {
        let chosen = before.get(..before_count).unwrap_or_default();
        for count in usize::from(before_count == 0)..=after.len() {
            let draft = around(map, site, chosen, Some(after.get(..count).unwrap_or_default()));
            if let Some(draft) = draft {
                drafts.push(draft);
                break;
            }
        }
    }
    drafts.extend(springboards(map, site));
    Ok(drafts.into_iter().map(|draft| Candidate { cost: cost(&draft), draft }).collect())
}

/// Whether the bytes before the site are what unwinders look for: `mov rax, 15` or `mov eax, 15`. This only keeps
/// bytes as they are, so that it need not be certain.
fn is_signal_return(map: &Map<'_>, site: &Instruction) -> bool {
    let ends_with = |load: &[u8]| {
        let start = site.ip().saturating_sub(load.len() as u64);
        map.bytes(start).starts_with(load)
    };
    ends_with(&[0x48, 0xc7, 0xc0, 15, 0, 0, 0]) || ends_with(&[0xb8, 15, 0, 0, 0])
}

/// How dear a way is.
fn cost(draft: &Draft) -> (bool, u64, Tactic, usize) {
    let window = constraint(draft).window();
    let is_hard = window > EASY;
    (is_hard, if is_hard { window } else { 1 }, draft.tactic, draft.original.len())
}

fn constraint(draft: &Draft) -> Constraint {
    if draft.tactic == Tactic::Springboard {
        return Constraint::NONE;
    }
    let moved = draft.before.iter().chain(&draft.after).map(|moved| usize::from(moved.offset));
    moved.chain([usize::from(draft.offset)]).fold(Constraint::NONE, Constraint::with_instruction_at)
}

fn has_contradiction(map: &Map<'_>, bytes: Range<u64>) -> bool {
    let mut bytes = bytes;
    bytes.any(|address| map.marks(address) & CONTRADICTION != 0)
}

/// The instructions before a site that control passes on its way there, the nearest first. The site, and each of them
/// but the last, is reached in no other way.
fn neighbours_before(map: &mut Map<'_>, site: &Instruction) -> Vec<Instruction> {
    let mut found = Vec::new();
    let mut address = site.ip();
    while found.len() < NEIGHBOURS {
        // The `syscall` may be jumped to, where it stays in place: `around` looks.
        if !found.is_empty() && map.marks(address) & (TARGET | FUNCTION | END) != 0 {
            break;
        }
        let Some(instruction) = map.before(address) else { break };
        if !Flow::of(&instruction).goes_on() || is_site(&instruction) {
            break;
        }
        address = instruction.ip();
        found.push(instruction);
    }
    found
}

/// The instructions behind a site, up to the first that something may jump to.
fn neighbours_after(map: &mut Map<'_>, site: &Instruction) -> Vec<Instruction> {
    let mut found = Vec::new();
    let mut address = site.next_ip();
    while found.len() < NEIGHBOURS {
        let marks = map.marks(address);
        if marks & START == 0 || marks & (TARGET | FUNCTION | END) != 0 {
            break;
        }
        let Some(instruction) = map.decode(address) else { break };
        address = instruction.next_ip();
        let goes_on = Flow::of(&instruction).goes_on();
        found.push(instruction);
        if !goes_on {
            break;
        }
    }
    found
}

/// The patch that moves these instructions before the site (the nearest first) and, unless the `syscall` stays in
/// place, these after it.
fn around(
    map: &mut Map<'_>,
    site: &Instruction,
    before: &[Instruction],
    after: Option<&[Instruction]>,
) -> Option<Draft> {
    let start = before.last().map_or(site.ip(), Instruction::ip);
    let end = match after {
        None => site.ip(),
        Some(after) => after.last().map_or(site.next_ip(), Instruction::next_ip),
    };
    if after.is_some() && !before.is_empty() && map.marks(site.ip()) & (TARGET | FUNCTION | END) != 0 {
        return None;
    }
    let move_all = |map: &mut Map<'_>, instructions: &mut dyn Iterator<Item = &Instruction>| {
        instructions.map(|instruction| movable(map, instruction, start)).collect::<Option<Vec<Moved>>>()
    };
    let mut moved_before = move_all(map, &mut before.iter().rev())?;
    let moved_after = move_all(map, &mut after.unwrap_or_default().iter())?;
    let ends = moved_after.last().is_some_and(|moved| moved.ends);
    let mut length = usize::try_from(end.checked_sub(start)?).ok()?;
    if ends && length < JUMP {
        // On over what is never run.
        let padding = end..start.saturating_add(JUMP as u64);
        if !padding.into_iter().all(|address| is_dead(map, address)) {
            return None;
        }
        length = JUMP;
    }
    let original = map.bytes(start).get(..length)?;
    if !(JUMP..=MAXIMUM_PATCH).contains(&length) || has_contradiction(map, start..start.saturating_add(length as u64)) {
        return None;
    }
    let number = number_in(before);
    if let Some((index, _)) = number {
        moved_before.get_mut(index)?.loads_number = true;
    }
    let tactic = match (after, before) {
        (None, [_]) if number.is_some() => Tactic::Number,
        (None, _) => Tactic::Before,
        (Some(_), []) => Tactic::After,
        (Some(_), _) => Tactic::Around,
    };
    Some(Draft {
        tactic,
        address: start,
        original: original.to_vec(),
        offset: u8::try_from(site.ip() - start).ok()?,
        number: number.map(|(_, number)| number),
        before: moved_before,
        after: moved_after,
        springboard: None,
    })
}

/// Which of these instructions, counted from the farthest, loads the number that `rax` then has, and it.
fn number_in(before: &[Instruction]) -> Option<(usize, u32)> {
    for (index, instruction) in before.iter().enumerate() {
        match Effect::of(instruction) {
            Effect::Becomes(number) => return Some((before.len() - 1 - index, number)),
            Effect::Unknown => return None,
            Effect::None => {}
        }
    }
    None
}

/// Whether this byte is padding that nothing reaches.
fn is_dead(map: &Map<'_>, address: u64) -> bool {
    let marks = map.marks(address);
    marks & PADDING != 0 && marks & (START | INSIDE | TARGET | FUNCTION) == 0
}

/// Padding that a two-byte jump from the site reaches, each piece of five bytes apart from the others.
fn springboards(map: &Map<'_>, site: &Instruction) -> Vec<Draft> {
    let from = site.next_ip().saturating_sub(128);
    let to = site.next_ip().saturating_add(127);
    let mut found = Vec::new();
    let mut address = from;
    while address <= to {
        let piece = address..address.saturating_add(JUMP as u64);
        match piece.clone().rev().find(|&address| !is_dead(map, address)) {
            Some(live) => address = live.saturating_add(1),
            None => {
                let original = map.bytes(address).first_chunk::<JUMP>();
                let patch = map.bytes(site.ip()).get(..SYSCALL);
                if let (Some(&original), Some(patch)) = (original, patch) {
                    found.push(Draft {
                        tactic: Tactic::Springboard,
                        address: site.ip(),
                        original: patch.to_vec(),
                        offset: 0,
                        number: None,
                        before: Vec::new(),
                        after: Vec::new(),
                        springboard: Some(Springboard { address, original }),
                    });
                }
                address = piece.end;
            }
        }
    }
    found
}
