//! One thread's machine side, and going from one to another.

use super::scheduler;
use crate::cpu::percpu::{self, this_cpu};
use crate::cpu::{extended, gs};
use crate::memory::stacks;
use alloc::sync::Arc;
use alloc::vec::Vec;
use birgus_syscalls::machine::{ExtendedFormat, OutOfMemory, Task};
use birgus_syscalls::registers::Registers;
use birgus_syscalls::thread::{Thread, Work};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use spin::Mutex;
use x86_64::VirtAddr;
use x86_64::registers::model_specific::FsBase;

unsafe extern "C" {
    fn switch_stacks(keep: *mut u64, to: u64);
    fn thread_begin();
}

/// A thread that is not waiting: it runs or is in the run queue.
pub(super) const RUNNABLE: u8 = 0;
/// A thread that waits for an unpark.
pub(super) const PARKED: u8 = 1;

/// A thread's machine side.
pub(crate) struct KernelTask {
    pub(super) thread: Arc<Thread>,
    stack: Stack,
    /// The stack pointer while it does not run.
    rsp: AtomicU64,
    fs_base: AtomicU64,
    /// Its own GS base, if the thread's work says that it has one.
    gs_base: AtomicU64,
    extended: extended::State,
    pub(super) state: AtomicU8,
    /// Somebody unparked it since it last looked.
    pub(super) token: AtomicBool,
    used: AtomicU64,
    since: AtomicU64,
    /// The CPUs on which it may run, a bit for each.
    affinity: AtomicU64,
    /// The CPU on which it runs or last ran.
    cpu: AtomicUsize,
}

/// Tops of stacks whose threads have ended.
static SPARE_STACKS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// A kernel stack; it goes back to the spare ones.
struct Stack(u64);

impl Stack {
    fn new() -> Option<Self> {
        let spare = SPARE_STACKS.lock().pop();
        spare.or_else(stacks::new).map(Self)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        SPARE_STACKS.lock().push(self.0);
    }
}

impl KernelTask {
    /// A task that will go to its program with these registers; what `parent`, the current one, has to leave to it, it
    /// gets.
    pub(super) fn new(
        thread: Arc<Thread>,
        registers: &Registers,
        fs_base: u64,
        parent: Option<&Self>,
    ) -> Result<Arc<Self>, OutOfMemory> {
        let stack = Stack::new().ok_or(OutOfMemory)?;
        let extended = extended::State::new();
        if parent.is_some() {
            extended.save();
        }
        // What `switch_stacks` pops: six registers and where to go; above it the frame that `thread_begin` takes.
        let frame = frame_top(stack.0) - size_of::<Registers>() as u64;
        let rsp = frame - 7 * 8;
        // SAFETY: the stack is new (or spare) and mapped; all of this lies in it.
        unsafe {
            (frame as *mut Registers).write(*registers);
            (rsp as *mut [u64; 7]).write([0, 0, 0, 0, 0, 0, thread_begin as *const () as u64]);
        }
        Ok(Arc::new(Self {
            thread,
            stack,
            rsp: AtomicU64::new(rsp),
            fs_base: AtomicU64::new(fs_base),
            gs_base: AtomicU64::new(0),
            extended,
            state: AtomicU8::new(RUNNABLE),
            token: AtomicBool::new(false),
            used: AtomicU64::new(0),
            since: AtomicU64::new(0),
            affinity: AtomicU64::new(parent.map_or(u64::MAX, |parent| parent.affinity.load(Ordering::Relaxed))),
            cpu: AtomicUsize::new(this_cpu().number()),
        }))
    }

    /// Whether it may run on this CPU.
    pub(super) fn may_run_on(&self, cpu: usize) -> bool {
        self.affinity.load(Ordering::Relaxed) & 1 << cpu != 0
    }

    /// The CPU on which it runs or last ran.
    pub(super) fn last_cpu(&self) -> usize {
        self.cpu.load(Ordering::Relaxed)
    }

    /// Charges the time since it last began to run, and begins anew. Idle time is begun and not charged.
    pub(super) fn charge(&self, used: bool) {
        let now = crate::cpu::clock::now().0;
        let since = self.since.swap(now, Ordering::Relaxed);
        if used {
            self.used.fetch_add(now.saturating_sub(since), Ordering::Relaxed);
        }
    }

    /// The GS base of a thread that has one of its own.
    fn own_gs_base(&self) -> Option<u64> {
        let owns = self.thread.work.load(Ordering::Relaxed) & Work::OWN_GS.bits() != 0;
        owns.then(|| self.gs_base.load(Ordering::Relaxed))
    }

    fn is_current(&self) -> bool {
        core::ptr::eq(this_cpu().current.get(), Arc::as_ptr(&self.thread))
    }
}

/// Where a program's registers end on a kernel stack: placed so that the frame, and with it every call from the entry
/// stub, is aligned to 16.
fn frame_top(stack: u64) -> u64 {
    stack - 8
}

/// Goes from the current thread (none while the machine boots) to another one. Returns when somebody comes back.
pub(super) fn switch(from: Option<&KernelTask>, to: &KernelTask) {
    let mut nowhere = 0;
    let keep = match from {
        Some(task) => {
            task.extended.save();
            task.charge(true);
            task.rsp.as_ptr()
        }
        None => &raw mut nowhere,
    };
    to.since.store(crate::cpu::clock::now().0, Ordering::Relaxed);
    let cpu = this_cpu();
    let several = percpu::are_several();
    if several || from.is_none_or(|task| !Arc::ptr_eq(&task.thread.process, &to.thread.process)) {
        to.thread.process.memory().table.activate();
    }
    if several {
        to.cpu.store(cpu.number(), Ordering::Relaxed);
        // A CPU that was idle has perhaps no alarm.
        crate::cpu::clock::arm(crate::cpu::clock::now().after(scheduler::SLICE));
    }
    cpu.current.set(Arc::as_ptr(&to.thread));
    cpu.kernel_rsp.set(frame_top(to.stack.0));
    FsBase::write(VirtAddr::new_truncate(to.fs_base.load(Ordering::Relaxed)));
    gs::prepare(to.own_gs_base());
    to.extended.restore();
    // SAFETY: the target is a stack that `new` prepared or that came here itself before.
    unsafe { switch_stacks(keep, to.rsp.load(Ordering::Relaxed)) };
    after_switch();
}

/// On one of several CPUs: leaves a thread, and lets the CPU be idle on its own stack. Returns when the thread runs again.
pub(super) fn idle(from: &KernelTask) {
    from.extended.save();
    from.charge(true);
    let cpu = this_cpu();
    cpu.current.set(core::ptr::null());
    let top = cpu.idle_stack.get();
    // What `switch_stacks` pops, and above it the end of a backtrace; aligned as behind a `call`.
    let frame = top - 10 * 8;
    // SAFETY: the stack is this CPU's and not in use: whoever was idle on it has left it for a thread.
    unsafe { (frame as *mut [u64; 10]).write([0, 0, 0, 0, 0, 0, begin_idle as *const () as u64, 0, 0, 0]) };
    // SAFETY: as just made.
    unsafe { switch_stacks(from.rsp.as_ptr(), frame) };
    after_switch();
}

extern "C" fn begin_idle() -> ! {
    after_switch();
    scheduler::run()
}

/// First thing on the new stack: the thread that ended on the old one can go now.
pub(crate) extern "C" fn after_switch() {
    drop(scheduler::take_ended());
}

impl Task for KernelTask {
    fn unpark(&self) {
        scheduler::unpark(self);
    }

    fn set_fs_base(&self, base: u64) {
        self.fs_base.store(base, Ordering::Relaxed);
        if self.is_current() {
            FsBase::write(VirtAddr::new_truncate(base));
        }
    }

    fn fs_base(&self) -> u64 {
        self.fs_base.load(Ordering::Relaxed)
    }

    fn set_gs_base(&self, base: u64) {
        self.gs_base.store(base, Ordering::Relaxed);
        self.thread.demand(Work::OWN_GS);
        if self.is_current() {
            gs::prepare(Some(base));
        }
    }

    fn gs_base(&self) -> u64 {
        self.gs_base.load(Ordering::Relaxed)
    }

    fn reset_segments(&self) {
        self.set_fs_base(0);
        self.gs_base.store(0, Ordering::Relaxed);
        self.thread.settle(Work::OWN_GS);
        gs::prepare(None);
    }

    fn cpu_time(&self) -> u64 {
        let used = self.used.load(Ordering::Relaxed);
        let runs = if percpu::are_several() { scheduler::is_running(self) } else { self.is_current() };
        let since = || crate::cpu::clock::now().0.saturating_sub(self.since.load(Ordering::Relaxed));
        if runs { used + since() } else { used }
    }

    fn is_parked(&self) -> bool {
        self.state.load(Ordering::Relaxed) == PARKED
    }

    fn kick(&self) {
        scheduler::kick(self);
    }

    fn affinity(&self) -> u64 {
        self.affinity.load(Ordering::Relaxed)
    }

    fn set_affinity(&self, cpus: u64) {
        self.affinity.store(cpus, Ordering::Relaxed);
        if scheduler::is_running(self) && !self.may_run_on(self.last_cpu()) {
            self.thread.demand(Work::RESCHEDULE);
            scheduler::kick(self);
        }
    }

    fn cpu(&self) -> usize {
        self.last_cpu()
    }

    fn extended_format(&self) -> ExtendedFormat {
        let (size, features) = extended::format();
        ExtendedFormat { size, features }
    }

    fn save_extended(&self, image: &mut [u8]) {
        extended::save_to(image);
    }

    fn restore_extended(&self, image: &mut [u8], features: u64) -> bool {
        extended::restore_from(image, features)
    }

    fn reset_extended(&self) {
        extended::reset();
    }
}
