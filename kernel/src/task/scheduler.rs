//! The run queue and those who sleep.

use super::switch::{KernelTask, PARKED, RUNNABLE, switch};
use crate::cpu::clock;
use crate::device;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use birgus_syscalls::machine::{OutOfMemory, Task, machine};
use birgus_syscalls::network;
use birgus_syscalls::registers::Registers;
use birgus_syscalls::thread::{Thread, Work};
use birgus_syscalls::time::{self, Instant};
use birgus_syscalls::trace;
use core::sync::atomic::Ordering;
use spin::Mutex;

/// How long a thread runs while others want to, in nanoseconds.
const SLICE: u64 = 10_000_000;
/// The alarm while program code runs and nothing else is due: a program that halts the CPU must be seen to.
const WATCH: u64 = 100_000_000;

struct Scheduler {
    current: Option<Arc<KernelTask>>,
    ready: VecDeque<Arc<KernelTask>>,
    /// Who is parked, by address; the scheduler owns all threads.
    parked: BTreeMap<usize, Arc<KernelTask>>,
    sleepers: BTreeMap<(Instant, usize), ()>,
    /// The thread that has just ended; its stack is still in use until the next one runs.
    ended: Option<Arc<KernelTask>>,
}

static SCHEDULER: Mutex<Scheduler> = Mutex::new(Scheduler {
    current: None,
    ready: VecDeque::new(),
    parked: BTreeMap::new(),
    sleepers: BTreeMap::new(),
    ended: None,
});

fn key(task: &KernelTask) -> usize {
    core::ptr::from_ref(task) as usize
}

/// Makes a thread runnable that begins with these registers.
pub(crate) fn start_thread(thread: Arc<Thread>, registers: &Registers, fs_base: u64) -> Result<(), OutOfMemory> {
    let inherits = SCHEDULER.lock().current.is_some();
    let task = KernelTask::new(thread, registers, fs_base, inherits)?;
    let machine_side: Arc<dyn Task> = task.clone();
    task.thread.bind(Arc::downgrade(&machine_side));
    SCHEDULER.lock().ready.push_back(task);
    Ok(())
}

/// Runs the next thread and does not come back: from the boot path, or from a thread that has ended.
pub(crate) fn run() -> ! {
    let next = next_ready();
    let to: *const KernelTask = Arc::as_ptr(&next);
    SCHEDULER.lock().current = Some(next);
    // SAFETY: `current` holds the task.
    switch(None, unsafe { &*to });
    unreachable!("a stack that was left for good");
}

/// The next thread that can run; halts until there is one.
fn next_ready() -> Arc<KernelTask> {
    loop {
        if let Some(next) = SCHEDULER.lock().ready.pop_front() {
            return next;
        }
        wait_for_interrupt();
    }
}

/// Halts until something happens, and sees to it.
fn wait_for_interrupt() {
    look_or_halt();
    // The alarm has fired, or is one of sleepers: who was woken would run without a slice, and for ever.
    if !SCHEDULER.lock().ready.is_empty() {
        clock::arm(clock::now().after(SLICE));
    }
}

fn look_or_halt() {
    if device::console::poll() | network::poll() | expire() {
        return;
    }
    let alarm = time::expire(clock::now());
    if !SCHEDULER.lock().ready.is_empty() {
        return;
    }
    trace::idle();
    if let Some(deadline) = earlier(earliest_sleeper(), alarm) {
        clock::arm(deadline);
    }
    device::console::listen();
    x86_64::instructions::interrupts::enable_and_hlt();
    x86_64::instructions::interrupts::disable();
}

/// Lets the machine go on as long as something holds, but not beyond a deadline, while no thread runs.
pub(crate) fn wait_while(holds: impl Fn() -> bool, deadline: Instant) {
    while holds() && clock::now() < deadline {
        clock::arm(deadline);
        wait_for_interrupt();
    }
}

fn earliest_sleeper() -> Option<Instant> {
    SCHEDULER.lock().sleepers.first_key_value().map(|((deadline, _), ())| *deadline)
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Wakes those whose time has come; whether there were any.
fn expire() -> bool {
    let mut any = false;
    while let Some(task) = {
        let mut scheduler = SCHEDULER.lock();
        match scheduler.sleepers.first_key_value() {
            Some(((deadline, key), ())) if *deadline <= clock::now() => {
                let key = *key;
                scheduler.sleepers.pop_first();
                Some(scheduler.parked.get(&key).cloned())
            }
            _ => None,
        }
    } {
        if let Some(task) = task {
            unpark(&task);
            any = true;
        }
    }
    any
}

/// The alarm's interrupt.
pub(crate) fn tick(in_program: bool) {
    clock::alarm_fired();
    expire();
    device::console::poll();
    if !in_program {
        // The CPU was idle: whoever waits looks at the alarms next.
        return;
    }
    let alarm = time::expire(clock::now());
    time::tick(&machine().current());
    device::console::listen();
    let scheduler = SCHEDULER.lock();
    let others = !scheduler.ready.is_empty();
    if others && let Some(current) = &scheduler.current {
        current.thread.demand(Work::RESCHEDULE);
    }
    drop(scheduler);
    let slice = clock::now().after(if others { SLICE } else { WATCH });
    clock::arm(earlier(earliest_sleeper(), alarm).map_or(slice, |deadline| deadline.min(slice)));
}

/// The thread that was interrupted gives way to those that an interrupt has woken.
pub(crate) fn give_way() {
    let scheduler = SCHEDULER.lock();
    if !scheduler.ready.is_empty()
        && let Some(current) = &scheduler.current
    {
        current.thread.demand(Work::RESCHEDULE);
    }
}

/// Stops the current thread until it is unparked or the deadline has come.
pub(crate) fn park(deadline: Option<Instant>) {
    let mut scheduler = SCHEDULER.lock();
    let Some(task) = scheduler.current.clone() else { return };
    if task.token.swap(false, Ordering::SeqCst) {
        return;
    }
    task.state.store(PARKED, Ordering::SeqCst);
    scheduler.parked.insert(key(&task), task.clone());
    if let Some(deadline) = deadline {
        scheduler.sleepers.insert((deadline, key(&task)), ());
    }
    drop(scheduler);
    if let Some(deadline) = deadline {
        // Also while others run.
        clock::arm(deadline);
    }
    // Where there is nobody else to run, this thread halts the CPU; that is not its time.
    task.charge(true);
    let next = next_ready();
    task.charge(false);
    if !Arc::ptr_eq(&next, &task) {
        switch_to(&task, next);
    }
    task.token.store(false, Ordering::SeqCst);
    if let Some(deadline) = deadline {
        SCHEDULER.lock().sleepers.remove(&(deadline, key(&task)));
    }
}

fn switch_to(from: &Arc<KernelTask>, to: Arc<KernelTask>) {
    SCHEDULER.lock().current = Some(to.clone());
    // `current` holds the task from here on; a reference on this stack could outlive it.
    let target: *const KernelTask = Arc::as_ptr(&to);
    drop(to);
    // SAFETY: see above.
    switch(Some(from), unsafe { &*target });
}

/// Makes a parked thread runnable, or its next [`park`] short.
pub(super) fn unpark(task: &KernelTask) {
    task.token.store(true, Ordering::SeqCst);
    if task.state.swap(RUNNABLE, Ordering::SeqCst) == PARKED {
        let mut scheduler = SCHEDULER.lock();
        if let Some(task) = scheduler.parked.remove(&key(task)) {
            scheduler.ready.push_back(task);
        }
    }
}

/// Lets the others that are ready run first.
pub(crate) fn yield_now() {
    let mut scheduler = SCHEDULER.lock();
    let (Some(task), Some(next)) = (scheduler.current.clone(), scheduler.ready.pop_front()) else { return };
    scheduler.ready.push_back(task.clone());
    drop(scheduler);
    switch_to(&task, next);
}

/// Ends the current thread.
pub(crate) fn exit_thread() -> ! {
    let mut scheduler = SCHEDULER.lock();
    let task = scheduler.current.take();
    scheduler.ended = task;
    drop(scheduler);
    run()
}

/// The thread that has ended, for the next one to drop.
pub(super) fn take_ended() -> Option<Arc<KernelTask>> {
    SCHEDULER.lock().ended.take()
}
