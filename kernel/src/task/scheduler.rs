//! The run queue and those who sleep.
//!
//! Where there are several CPUs they share the queue, under the kernel's lock: whoever has nothing to do takes the first
//! thread that may run on it. A thread that becomes runnable is announced to an idle CPU, the one where it last ran
//! before all others.

use super::switch::{KernelTask, PARKED, RUNNABLE, idle, switch};
use crate::cpu::percpu::{self, MAXIMUM, this_cpu};
use crate::cpu::{Vector, apic, clock, lock};
use crate::device;
use crate::memory::kernel_half;
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
pub(super) const SLICE: u64 = 10_000_000;
/// The alarm while program code runs and nothing else is due: a program that halts the CPU must be seen to.
const WATCH: u64 = 100_000_000;

struct Scheduler {
    /// What each CPU runs.
    running: [Option<Arc<KernelTask>>; MAXIMUM],
    ready: VecDeque<Arc<KernelTask>>,
    /// Who is parked, by address; the scheduler owns all threads.
    parked: BTreeMap<usize, Arc<KernelTask>>,
    sleepers: BTreeMap<(Instant, usize), ()>,
    /// The thread that has just ended on each CPU; its stack is still in use until the next one runs.
    ended: [Option<Arc<KernelTask>>; MAXIMUM],
}

impl Scheduler {
    fn current(&self) -> Option<&Arc<KernelTask>> {
        self.running[this_cpu().number()].as_ref()
    }

    /// Takes the first thread out of the queue that may run on this CPU.
    fn next(&mut self) -> Option<Arc<KernelTask>> {
        if !percpu::are_several() {
            return self.ready.pop_front();
        }
        let cpu = this_cpu().number();
        let place = self.ready.iter().position(|task| task.may_run_on(cpu))?;
        self.ready.remove(place)
    }

    /// Whether a thread waits that may run on this CPU.
    fn has_next(&self) -> bool {
        if !percpu::are_several() {
            return !self.ready.is_empty();
        }
        let cpu = this_cpu().number();
        self.ready.iter().any(|task| task.may_run_on(cpu))
    }

    /// Puts a thread at the end of the queue, and has an idle CPU look at it.
    fn push(&mut self, task: Arc<KernelTask>) {
        if percpu::are_several() {
            let is_idle = |&cpu: &usize| percpu::cpu(cpu).is_idle.get() && task.may_run_on(cpu);
            let last = task.last_cpu();
            if let Some(cpu) = [last].into_iter().chain(0..percpu::count()).find(is_idle) {
                // It is on its way: the next thread is announced to another one.
                percpu::cpu(cpu).is_idle.set(false);
                apic::interrupt(cpu, Vector::RESCHEDULE);
            }
        }
        self.ready.push_back(task);
    }
}

static SCHEDULER: Mutex<Scheduler> = Mutex::new(Scheduler {
    running: [const { None }; MAXIMUM],
    ready: VecDeque::new(),
    parked: BTreeMap::new(),
    sleepers: BTreeMap::new(),
    ended: [const { None }; MAXIMUM],
});

fn key(task: &KernelTask) -> usize {
    core::ptr::from_ref(task) as usize
}

/// Makes a thread runnable that begins with these registers.
pub(crate) fn start_thread(thread: Arc<Thread>, registers: &Registers, fs_base: u64) -> Result<(), OutOfMemory> {
    let parent = SCHEDULER.lock().current().cloned();
    let task = KernelTask::new(thread, registers, fs_base, parent.as_deref())?;
    let machine_side: Arc<dyn Task> = task.clone();
    task.thread.bind(Arc::downgrade(&machine_side));
    SCHEDULER.lock().push(task);
    Ok(())
}

/// Runs the next thread and does not come back: from the boot path, from a thread that has ended, or on one of several
/// CPUs that is idle.
pub(crate) fn run() -> ! {
    let next = next_ready();
    let to: *const KernelTask = Arc::as_ptr(&next);
    SCHEDULER.lock().running[this_cpu().number()] = Some(next);
    // SAFETY: `running` holds the task.
    switch(None, unsafe { &*to });
    unreachable!("a stack that was left for good");
}

/// The next thread that can run; halts until there is one.
fn next_ready() -> Arc<KernelTask> {
    loop {
        if let Some(next) = SCHEDULER.lock().next() {
            return next;
        }
        wait_for_interrupt();
    }
}

/// Halts until something happens, and sees to it.
fn wait_for_interrupt() {
    look_or_halt();
    // The alarm has fired, or is one of sleepers: who was woken would run without a slice, and for ever.
    if SCHEDULER.lock().has_next() {
        clock::arm(clock::now().after(SLICE));
    }
}

fn look_or_halt() {
    if device::console::poll() | network::poll() | expire() {
        return;
    }
    let alarm = time::expire(clock::now());
    if SCHEDULER.lock().has_next() {
        return;
    }
    trace::idle();
    if let Some(deadline) = earlier(earliest_sleeper(), alarm) {
        clock::arm(deadline);
    }
    device::console::listen();
    halt();
}

/// Halts until an interrupt has been handled. Others are in the kernel meanwhile, if there are several CPUs.
fn halt() {
    let several = percpu::are_several();
    if several {
        if SCHEDULER.lock().current().is_none() {
            // What the last thread here had may go.
            this_cpu().top_level.set(0);
            kernel_half::activate();
        }
        this_cpu().is_idle.set(true);
        lock::give_back();
    }
    x86_64::instructions::interrupts::enable_and_hlt();
    x86_64::instructions::interrupts::disable();
    if several {
        lock::take();
        this_cpu().is_idle.set(false);
    }
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
    let others = scheduler.has_next();
    if others && let Some(current) = scheduler.current() {
        current.thread.demand(Work::RESCHEDULE);
    }
    drop(scheduler);
    let slice = clock::now().after(if others { SLICE } else { WATCH });
    clock::arm(earlier(earliest_sleeper(), alarm).map_or(slice, |deadline| deadline.min(slice)));
}

/// The thread that was interrupted gives way to those that an interrupt has woken.
pub(crate) fn give_way() {
    let scheduler = SCHEDULER.lock();
    if scheduler.has_next()
        && let Some(current) = scheduler.current()
    {
        current.thread.demand(Work::RESCHEDULE);
    }
}

/// Stops the current thread until it is unparked or the deadline has come.
pub(crate) fn park(deadline: Option<Instant>) {
    let mut scheduler = SCHEDULER.lock();
    let Some(task) = scheduler.current().cloned() else { return };
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
    if percpu::are_several() {
        switch_or_idle(&task);
    } else {
        // Where there is nobody else to run, this thread halts the CPU; that is not its time.
        task.charge(true);
        let next = next_ready();
        task.charge(false);
        if !Arc::ptr_eq(&next, &task) {
            switch_to(&task, next);
        }
    }
    task.token.store(false, Ordering::SeqCst);
    if let Some(deadline) = deadline {
        SCHEDULER.lock().sleepers.remove(&(deadline, key(&task)));
    }
}

/// On one of several CPUs: goes from a thread to the next that can run here, or lets the CPU be idle on a stack of its
/// own, since the thread may be woken and go on elsewhere. Returns when the thread runs again.
fn switch_or_idle(task: &Arc<KernelTask>) {
    let next = SCHEDULER.lock().next();
    match next {
        // Woken meanwhile, or the only one in the queue.
        Some(next) if Arc::ptr_eq(&next, task) => {}
        Some(next) => switch_to(task, next),
        None => {
            SCHEDULER.lock().running[this_cpu().number()] = None;
            idle(task);
        }
    }
}

fn switch_to(from: &Arc<KernelTask>, to: Arc<KernelTask>) {
    SCHEDULER.lock().running[this_cpu().number()] = Some(to.clone());
    // `running` holds the task from here on; a reference on this stack could outlive it.
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
            scheduler.push(task);
        }
    }
}

/// Interrupts the CPU, another one, on which a thread runs, if it runs.
pub(super) fn kick(task: &KernelTask) {
    if !percpu::are_several() {
        return;
    }
    let cpu = task.last_cpu();
    if cpu != this_cpu().number() && is_running(task) {
        apic::interrupt(cpu, Vector::RESCHEDULE);
    }
}

/// Whether a CPU runs this thread now.
pub(super) fn is_running(task: &KernelTask) -> bool {
    let scheduler = SCHEDULER.lock();
    scheduler.running[task.last_cpu()].as_deref().is_some_and(|running| core::ptr::eq(running, task))
}

/// Lets the others that are ready run first; and leaves a CPU on which the thread may not run any more.
pub(crate) fn yield_now() {
    let mut scheduler = SCHEDULER.lock();
    let Some(task) = scheduler.current().cloned() else { return };
    if !task.may_run_on(this_cpu().number()) {
        scheduler.push(task.clone());
        drop(scheduler);
        return switch_or_idle(&task);
    }
    let Some(next) = scheduler.next() else { return };
    scheduler.push(task.clone());
    drop(scheduler);
    switch_to(&task, next);
}

/// Ends the current thread.
pub(crate) fn exit_thread() -> ! {
    let mut scheduler = SCHEDULER.lock();
    let cpu = this_cpu().number();
    scheduler.ended[cpu] = scheduler.running[cpu].take();
    drop(scheduler);
    run()
}

/// The thread that has ended on this CPU, for the next one to drop.
pub(super) fn take_ended() -> Option<Arc<KernelTask>> {
    SCHEDULER.lock().ended[this_cpu().number()].take()
}
