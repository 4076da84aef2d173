//! `semget(2)`, `semop(2)`, `semctl(2)`.

use super::objects::{Object, Objects};
use super::{INFORMATION, NO_WAIT, Permissions, READ, REMOVE, SET, STATUS, VERSION, WRITE, now};
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::process::Process;
use crate::thread::Thread;
use crate::time::TimeSpec;
use crate::user::UserPtr;
use crate::wait::{WaitError, WaitQueue, wait_until};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use spin::Mutex;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `SEMMNI`.
const MOST_SETS: i32 = 32_000;
/// `SEMMSL`.
const MOST_IN_SET: i32 = 32_000;
/// `SEMOPM`.
const MOST_OPERATIONS: u32 = 500;
/// `SEMVMX`.
const HIGHEST: i32 = 32_767;
/// `SEM_UNDO`.
const UNDO: i16 = 0x1000;

/// `struct semid64_ds`.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Description {
    permissions: Permissions,
    operated: i64,
    unused: u64,
    changed: i64,
    unused_behind: u64,
    count: u64,
    unused_last: [u64; 2],
}

/// `struct sembuf`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Operation {
    number: u16,
    change: i16,
    flags: i16,
}

#[derive(Clone, Copy, Default)]
struct Semaphore {
    value: i32,
    // Who changed it last.
    process: i32,
}

/// One who waits: for which semaphore, and whether to be zero.
struct Waiting {
    ticket: u64,
    number: u16,
    for_zero: bool,
}

struct State {
    description: Description,
    semaphores: Vec<Semaphore>,
    // What is to be added when a process ends.
    undo: BTreeMap<i32, BTreeMap<u16, i32>>,
    waiting: Vec<Waiting>,
    removed: bool,
}

struct Set {
    state: Mutex<State>,
    queue: WaitQueue,
}

static SETS: Objects<Set> = Objects::new(MOST_SETS);

impl Object for Set {
    fn permissions(&self) -> Permissions {
        self.state.lock().description.permissions
    }

    fn change(&self, change: &mut dyn FnMut(&mut Permissions)) {
        change(&mut self.state.lock().description.permissions);
    }
}

/// `semget(2)`.
pub fn semget(thread: &Thread, key: i32, count: i32, flags: i32) -> Result<i32> {
    if !(0..=MOST_IN_SET).contains(&count) {
        return Err(Errno::EINVAL);
    }
    let who = thread.process.credentials();
    let accept = |set: &Set| {
        if count as u64 > set.state.lock().description.count {
            return Err(Errno::EINVAL);
        }
        set.permissions().check(&who, flags as u16)
    };
    SETS.get(key, flags, accept, || {
        if count == 0 {
            return Err(Errno::EINVAL);
        }
        let permissions = Permissions::new(key, &who, flags);
        let description = Description { permissions, changed: now(), count: count as u64, ..Description::default() };
        let mut semaphores = Vec::new();
        semaphores.try_reserve_exact(count as usize).map_err(|_| Errno::ENOMEM)?;
        semaphores.resize(count as usize, Semaphore::default());
        let state = State { description, semaphores, undo: BTreeMap::new(), waiting: Vec::new(), removed: false };
        Ok(Set { state: Mutex::new(state), queue: WaitQueue::new() })
    })
}

/// Why a list of operations cannot be done now.
enum Refusal {
    /// This one would block.
    Blocks(Operation),
    Errno(Errno),
}

impl State {
    /// Does all operations or none.
    fn operate(&mut self, process: i32, operations: &[Operation]) -> core::result::Result<(), Refusal> {
        let mut done = Vec::new();
        let mut outcome = Ok(());
        for operation in operations {
            if let Err(refusal) = self.step(process, operation) {
                outcome = Err(refusal);
                break;
            }
            done.push(operation);
        }
        if outcome.is_ok() {
            for operation in operations {
                if let Some(semaphore) = self.semaphores.get_mut(usize::from(operation.number)) {
                    semaphore.process = process;
                }
            }
            self.description.operated = now();
            return Ok(());
        }
        for operation in done.iter().rev() {
            if let Some(semaphore) = self.semaphores.get_mut(usize::from(operation.number)) {
                semaphore.value -= i32::from(operation.change);
            }
            self.note_undo(process, operation, -1);
        }
        outcome
    }

    fn step(&mut self, process: i32, operation: &Operation) -> core::result::Result<(), Refusal> {
        let semaphore = self.semaphores.get_mut(usize::from(operation.number)).ok_or(Refusal::Errno(Errno::EFBIG))?;
        let value = semaphore.value + i32::from(operation.change);
        if operation.change == 0 && semaphore.value != 0 || value < 0 {
            return Err(Refusal::Blocks(*operation));
        }
        if value > HIGHEST {
            return Err(Refusal::Errno(Errno::ERANGE));
        }
        semaphore.value = value;
        self.note_undo(process, operation, 1);
        Ok(())
    }

    /// Notes for the process's end what an operation did, or with `sign` -1 that it did not.
    fn note_undo(&mut self, process: i32, operation: &Operation, sign: i32) {
        if operation.flags & UNDO != 0 && operation.change != 0 {
            let adjustments = self.undo.entry(process).or_default();
            *adjustments.entry(operation.number).or_default() -= sign * i32::from(operation.change);
        }
    }
}

/// `semop(2)`.
pub fn semop(thread: &Thread, id: i32, operations: UserPtr<Operation>, count: u32) -> Result<()> {
    semtimedop(thread, id, operations, count, UserPtr::new(0))
}

/// `semtimedop(2)`. A signal always ends it with `EINTR`.
pub fn semtimedop(
    thread: &Thread,
    id: i32,
    operations: UserPtr<Operation>,
    count: u32,
    timeout: UserPtr<TimeSpec>,
) -> Result<()> {
    static TICKETS: AtomicU64 = AtomicU64::new(0);
    if count == 0 || id < 0 {
        return Err(Errno::EINVAL);
    }
    if count > MOST_OPERATIONS {
        return Err(Errno::E2BIG);
    }
    let operations = operations.read_array(thread, count as usize)?;
    let timeout = timeout.non_null().map(|timeout| timeout.read(thread)?.nanoseconds()).transpose()?;
    let deadline = timeout.map(|nanoseconds| machine().monotonic().after(nanoseconds));
    let set = SETS.find(id)?;
    let length = set.state.lock().semaphores.len();
    if operations.iter().any(|operation| usize::from(operation.number) >= length) {
        return Err(Errno::EFBIG);
    }
    let alters = operations.iter().any(|operation| operation.change != 0);
    set.permissions().check(&thread.process.credentials(), if alters { WRITE } else { READ })?;
    let ticket = TICKETS.fetch_add(1, Ordering::Relaxed);
    let process = thread.process.id;
    let attempt = || {
        let mut state = set.state.lock();
        state.waiting.retain(|waiting| waiting.ticket != ticket);
        if state.removed {
            return Some(Err(Errno::EIDRM));
        }
        match state.operate(process, &operations) {
            Ok(()) => Some(Ok(())),
            Err(Refusal::Errno(errno)) => Some(Err(errno)),
            Err(Refusal::Blocks(operation)) if i32::from(operation.flags) & NO_WAIT != 0 => Some(Err(Errno::EAGAIN)),
            Err(Refusal::Blocks(operation)) => {
                let (number, for_zero) = (operation.number, operation.change == 0);
                state.waiting.push(Waiting { ticket, number, for_zero });
                None
            }
        }
    };
    let outcome = wait_until(&[&set.queue], deadline, attempt);
    set.state.lock().waiting.retain(|waiting| waiting.ticket != ticket);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(WaitError::TimedOut) => Err(Errno::EAGAIN),
        Err(WaitError::Interrupted) => Err(Errno::EINTR),
    };
    if outcome.is_ok() && alters {
        set.queue.wake_all();
    }
    outcome
}

/// A process ends: what it did with `SEM_UNDO` is undone.
pub fn undo(process: &Process) {
    for set in SETS.all().1 {
        let mut state = set.state.lock();
        let Some(adjustments) = state.undo.remove(&process.id) else { continue };
        for (number, change) in adjustments {
            if let Some(semaphore) = state.semaphores.get_mut(usize::from(number)) {
                semaphore.value = (semaphore.value + change).clamp(0, HIGHEST);
                semaphore.process = process.id;
            }
        }
        drop(state);
        set.queue.wake_all();
    }
}

const GETPID: i32 = 11;
const GETVAL: i32 = 12;
const GETALL: i32 = 13;
const GETNCNT: i32 = 14;
const GETZCNT: i32 = 15;
const SETVAL: i32 = 16;
const SETALL: i32 = 17;
const SEM_STAT: i32 = 18;
const SEM_INFO: i32 = 19;
const SEM_STAT_ANY: i32 = 20;

/// `semctl(2)`.
pub fn semctl(thread: &Thread, id: i32, number: i32, command: i32, argument: u64) -> Result<i32> {
    let who = thread.process.credentials();
    let pointer = UserPtr::<Description>::new(argument);
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    let command = command & !VERSION;
    match command {
        INFORMATION | SEM_INFO => {
            let (highest, all) = SETS.all();
            let in_use: usize = all.iter().map(|set| set.state.lock().semaphores.len()).sum();
            let sets = SETS.most();
            let most = sets.saturating_mul(MOST_IN_SET);
            let (used_sets, used) = if command == SEM_INFO { (all.len() as i32, in_use as i32) } else { (20, HIGHEST) };
            let operations = MOST_OPERATIONS as i32;
            // `struct seminfo`.
            let information = [most, sets, most, most, MOST_IN_SET, operations, operations, used_sets, HIGHEST, used];
            UserPtr::<[i32; 10]>::new(argument).write(thread, &information)?;
            Ok(highest)
        }
        STATUS => {
            let set = SETS.find(id)?;
            set.permissions().check(&who, READ)?;
            let description = set.state.lock().description;
            pointer.write(thread, &description).map(|()| 0)
        }
        SEM_STAT | SEM_STAT_ANY => {
            let (id, set) = SETS.at(id)?;
            if command == SEM_STAT {
                set.permissions().check(&who, READ)?;
            }
            let description = set.state.lock().description;
            pointer.write(thread, &description).map(|()| id)
        }
        SET => {
            let wanted = pointer.read(thread)?;
            let set = SETS.find(id)?;
            set.permissions().check_owner(&who)?;
            let mut state = set.state.lock();
            state.description.permissions.set(&wanted.permissions)?;
            state.description.changed = now();
            Ok(0)
        }
        REMOVE => {
            let set = SETS.find(id)?;
            set.permissions().check_owner(&who)?;
            set.state.lock().removed = true;
            SETS.remove(&set);
            set.queue.wake_all();
            Ok(0)
        }
        GETVAL | GETPID | GETNCNT | GETZCNT => {
            let set = SETS.find(id)?;
            set.permissions().check(&who, READ)?;
            let state = set.state.lock();
            let semaphore = usize::try_from(number).ok().and_then(|number| state.semaphores.get(number));
            let semaphore = semaphore.ok_or(Errno::EINVAL)?;
            let waiting = |zero| {
                let those = state.waiting.iter();
                those.filter(|one| i32::from(one.number) == number && one.for_zero == zero).count() as i32
            };
            Ok(match command {
                GETVAL => semaphore.value,
                GETPID => semaphore.process,
                GETNCNT => waiting(false),
                _ => waiting(true),
            })
        }
        GETALL => {
            let set = SETS.find(id)?;
            set.permissions().check(&who, READ)?;
            let values: Vec<u16> = set.state.lock().semaphores.iter().map(|one| one.value as u16).collect();
            UserPtr::<u16>::new(argument).write_array(thread, &values).map(|()| 0)
        }
        SETVAL => {
            let set = SETS.find(id)?;
            let value = argument as i32;
            if !(0..=HIGHEST).contains(&value) {
                return Err(Errno::ERANGE);
            }
            set.permissions().check(&who, WRITE)?;
            let number = u16::try_from(number).map_err(|_| Errno::EINVAL)?;
            set_values(thread, &set, &[(number, value)])
        }
        SETALL => {
            let set = SETS.find(id)?;
            set.permissions().check(&who, WRITE)?;
            let count = set.state.lock().semaphores.len();
            let values = UserPtr::<u16>::new(argument).read_array(thread, count)?;
            if values.iter().any(|&value| i32::from(value) > HIGHEST) {
                return Err(Errno::ERANGE);
            }
            let values: Vec<_> = (0..).zip(values.iter().map(|&value| i32::from(value))).collect();
            set_values(thread, &set, &values)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// Sets values; what was to be undone with them is forgotten. `EINVAL`, `EIDRM`.
fn set_values(thread: &Thread, set: &Set, values: &[(u16, i32)]) -> Result<i32> {
    let mut state = set.state.lock();
    if state.removed {
        return Err(Errno::EIDRM);
    }
    for &(number, value) in values {
        let semaphore = state.semaphores.get_mut(usize::from(number)).ok_or(Errno::EINVAL)?;
        *semaphore = Semaphore { value, process: thread.process.id };
        for adjustments in state.undo.values_mut() {
            adjustments.remove(&number);
        }
    }
    state.description.changed = now();
    drop(state);
    set.queue.wake_all();
    Ok(0)
}

/// `/proc/sysvipc/sem`.
pub fn list(to: &mut Vec<u8>) {
    to.extend_from_slice(b"       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
    for (id, set) in SETS.numbered() {
        let Description { permissions, operated, changed, count, .. } = set.state.lock().description;
        let Permissions { key, uid, gid, creator_uid, creator_gid, mode, .. } = permissions;
        to.extend(
            format!(
                "{key:10} {id:10}  {mode:4o} {count:10} {uid:5} {gid:5} {creator_uid:5} {creator_gid:5} {operated:10} \
                 {changed:10}\n"
            )
            .bytes(),
        );
    }
}

/// `kernel.sem`: semaphores in a set, in all, operations in a call, sets.
pub fn limits() -> [i32; 4] {
    [MOST_IN_SET, MOST_IN_SET.saturating_mul(MOST_SETS), MOST_OPERATIONS as i32, SETS.most()]
}

/// Sets the last of them; the others are what they are. `EINVAL`.
pub fn set_limits(wanted: [i64; 4]) -> Result<()> {
    SETS.set_most(wanted[3])
}

super::number_settings!(SETS);
