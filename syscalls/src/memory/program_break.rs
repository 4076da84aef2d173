//! `brk(2)`: the heap behind the program.

use super::area::{Area, AreaFlags, Backing, Protection};
use super::limits::{check_commitment, check_reserve};
use super::{AddressSpace, State, whole_pages};
use crate::frame::PAGE;
use crate::user::USER_END;

impl AddressSpace {
    /// Says where the program ends: an empty heap begins there, moved by the layout's gap.
    pub fn set_break(&self, program_end: u64) {
        let mut state = self.state.lock();
        let start = whole_pages(program_end).unwrap_or(USER_END).saturating_add(self.layout.break_gap).min(USER_END);
        (state.break_start, state.break_end) = (start, start);
    }

    /// `brk(2)`: moves the heap's end; gives where it is then, which is where it was if it could not move.
    pub fn set_break_end(&self, wanted: u64) -> u64 {
        let mut state = self.state.lock();
        let _ = self.move_break(&mut state, wanted);
        let (end, future) = (state.break_end, state.future);
        let start = state.break_start;
        drop(state);
        if future.contains(AreaFlags::LOCKED) && end == wanted {
            let _ = self.populate(start, end);
        }
        end
    }

    /// `None` when it stays.
    fn move_break(&self, state: &mut State, wanted: u64) -> Option<()> {
        if state.break_start == 0 || wanted < state.break_start || wanted - state.break_start > self.limits.data() {
            return None;
        }
        let old = whole_pages(state.break_end)?;
        let new = whole_pages(wanted).filter(|&new| new <= USER_END)?;
        if new < old {
            state.areas.check_room(new, old, true, 0).ok()?;
            self.remove(state, new, old);
        } else if new > old {
            // A page stays free behind the heap, and the guard of a stack.
            if !state.areas.is_free(old, new.checked_add(PAGE)?) {
                return None;
            }
            let protection = Protection::READ | Protection::WRITE;
            let pages = (new - old) / PAGE;
            let counts = state.areas.counts();
            check_reserve().ok()?;
            self.limits.check_growth(counts, pages, protection, AreaFlags::empty()).ok()?;
            check_commitment(pages, protection, AreaFlags::empty()).ok()?;
            if state.future.contains(AreaFlags::LOCKED) && !self.limits.may_lock(counts, pages) {
                return None;
            }
            state.areas.check_room(old, new, false, 1).ok()?;
            state.areas.insert(old, Area { end: new, protection, flags: state.future, backing: Backing::Anonymous });
        }
        state.break_end = wanted;
        Some(())
    }
}
