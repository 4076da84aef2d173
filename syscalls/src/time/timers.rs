//! Alarms: things that are due at a point in time.
//!
//! The machine has one clock interrupt, told the earliest deadline by [`Machine::arm`](crate::machine::Machine::arm);
//! after it the kernel calls [`expire`]. An alarm that is set anew while it is about to ring rings nevertheless, so its
//! owner looks at the time for itself.

use super::Instant;
use crate::machine::machine;
use alloc::collections::BTreeMap;
use alloc::sync::Weak;
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Mutex;

/// Whose alarm it is.
pub trait Sleeper: Send + Sync {
    /// The time has come. Called by [`expire`], with no lock held.
    fn ring(&self, now: Instant);
    /// The wall clock was set: deadlines on it are somewhere else now.
    fn clock_was_set(&self) {}
}

static ALARMS: Mutex<BTreeMap<(Instant, u64), Weak<dyn Sleeper>>> = Mutex::new(BTreeMap::new());
static WALL_SLEEPERS: Mutex<BTreeMap<u64, Weak<dyn Sleeper>>> = Mutex::new(BTreeMap::new());

/// One alarm.
pub struct Alarm {
    number: u64,
    due: Mutex<Option<Instant>>,
    sleeper: Weak<dyn Sleeper>,
}

impl Alarm {
    /// An alarm that is not set. Its owner, which holds it, is rung.
    pub fn new(sleeper: Weak<dyn Sleeper>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), due: Mutex::new(None), sleeper }
    }

    /// Has the owner hear of changes of the wall clock.
    pub fn follow_wall_clock(&self) {
        WALL_SLEEPERS.lock().insert(self.number, self.sleeper.clone());
    }

    /// Sets it, or with `None` takes it back.
    pub fn set(&self, deadline: Option<Instant>) {
        let mut due = self.due.lock();
        let mut alarms = ALARMS.lock();
        // Perhaps it has rung and is there no more.
        if let Some(before) = core::mem::replace(&mut *due, deadline) {
            alarms.remove(&(before, self.number));
        }
        let Some(deadline) = deadline else { return };
        alarms.insert((deadline, self.number), self.sleeper.clone());
        let is_first = alarms.first_key_value().is_some_and(|(&(_, number), _)| number == self.number);
        drop(alarms);
        if is_first {
            machine().arm(deadline);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.set(None);
        WALL_SLEEPERS.lock().remove(&self.number);
    }
}

/// Rings all alarms that are due. The kernel calls this behind its clock interrupt, where no lock can be held: when it
/// came from a program or from an idle CPU. Gives the next deadline.
pub fn expire(now: Instant) -> Option<Instant> {
    loop {
        let mut alarms = ALARMS.lock();
        let first = alarms.first_entry()?;
        let deadline = first.key().0;
        if deadline > now {
            return Some(deadline);
        }
        let sleeper = first.remove();
        drop(alarms);
        if let Some(sleeper) = sleeper.upgrade() {
            sleeper.ring(now);
        }
    }
}

/// Whoever sets the wall clock ([`set_realtime_offset`](crate::machine::Machine::set_realtime_offset)) calls this
/// afterwards.
pub fn clock_was_set() {
    let sleepers: alloc::vec::Vec<_> = WALL_SLEEPERS.lock().values().filter_map(Weak::upgrade).collect();
    for sleeper in sleepers {
        sleeper.clock_was_set();
    }
}
