//! A machine for tests: frames are boxes, page tables are maps, threads are the host's.
//!
//! Installed once for a test process and shared by all tests, which run side by side: what a test changes (the
//! current thread, the active page table, failing allocations) belongs to its host thread.
//!
//! A test begins with [`test_process`]; [`spawn`] adds threads that run host code; [`take_started`] gives the
//! threads that a call such as `clone` started, and [`run`] lets host code play such a thread.

use super::{Access, ExtendedFormat, Machine, Mapped, OutOfMemory, PageTable, Processor, Task, install, machine};
use crate::file::FileTable;
use crate::frame::{Frame, PAGE, PAGE_SIZE};
use crate::memory::{AddressSpace, Protection};
use crate::network::NetworkDevice;
use crate::process::Process;
use crate::registers::Registers;
use crate::thread::Thread;
use crate::time::Instant;
use crate::user::USER_END;
use std::boxed::Box;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::string::String;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::vec::Vec;

/// What one entry of the lowest page table level but one covers: 2 MiB.
const TABLE_SPAN: u64 = 512 * PAGE;

/// How a thread or the machine came to its end; see [`ending`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// [`Machine::exit_thread`].
    Thread,
    /// [`Machine::power_off`].
    PowerOff {
        /// The exit code.
        code: u8,
        /// Whether a signal was the cause.
        by_signal: bool,
    },
}

/// A thread that [`Machine::start_thread`] was asked for.
pub struct Started {
    /// The thread; its task is bound.
    pub thread: Arc<Thread>,
    /// Where it would begin.
    pub registers: Registers,
    /// Its TLS.
    pub fs_base: u64,
    task: Arc<HostTask>,
}

/// The machine.
pub struct HostMachine {
    frames: Mutex<Frames>,
    started: Mutex<Vec<Started>>,
    start: std::time::Instant,
    realtime_offset: AtomicU64,
    random: AtomicU64,
}

#[derive(Default)]
struct Frames {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
}

struct Slot {
    bytes: Box<[u8; PAGE_SIZE]>,
    references: u32,
}

impl Frames {
    fn slot(&mut self, frame: u32) -> &mut Slot {
        self.slots[frame as usize].as_mut().expect("a frame that is in use")
    }
}

std::thread_local! {
    static CURRENT: RefCell<Option<(Arc<Thread>, Arc<HostTask>)>> = const { RefCell::new(None) };
    static ACTIVE: RefCell<Option<Arc<HostTable>>> = const { RefCell::new(None) };
    static ALLOCATIONS_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    static FRAMES_HELD: Cell<i64> = const { Cell::new(0) };
}

static HOST: LazyLock<HostMachine> = LazyLock::new(|| HostMachine {
    frames: Mutex::default(),
    started: Mutex::default(),
    start: std::time::Instant::now(),
    realtime_offset: AtomicU64::new(1_700_000_000_000_000_000),
    random: AtomicU64::new(RandomState::new().hash_one(0)),
});

static NETWORK: std::sync::OnceLock<&'static dyn NetworkDevice> = std::sync::OnceLock::new();

/// Says once which network device the machine has; before, it has none.
pub fn set_network(device: &'static dyn NetworkDevice) {
    let _ = NETWORK.set(device);
}

static TRACE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The lines traced since the last time, by all threads.
pub fn take_trace() -> Vec<String> {
    std::mem::take(&mut *lock(&TRACE))
}

/// Locks, also after another test has panicked with the lock held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The machine, installed.
pub fn host() -> &'static HostMachine {
    let host = LazyLock::force(&HOST);
    install(host);
    host
}

/// A process with an empty address space and one thread, which becomes the host thread's current one.
pub fn test_process() -> Arc<Thread> {
    let table = host().new_page_table().expect("memory for a page table");
    new_process(AddressSpace::new(table))
}

/// A process with this address space and one thread, which becomes the host thread's current one.
pub fn new_process(memory: Arc<AddressSpace>) -> Arc<Thread> {
    host();
    let id = next_id();
    let process = Process::new(id, 1, memory, FileTable::new(1024));
    let thread = Thread::new(id, process);
    make_current(&thread, bind_task(&thread, 0));
    thread
}

/// Runs `body` on a host thread as a new thread of `process`. It may end by [`Machine::exit_thread`]: then the join
/// answers with an [`Ending`] as its error.
pub fn spawn<T: Send + 'static>(
    process: &Arc<Process>,
    body: impl FnOnce(&Arc<Thread>) -> T + Send + 'static,
) -> JoinHandle<T> {
    let thread = Thread::new(next_id(), process.clone());
    let task = bind_task(&thread, 0);
    run(Started { thread, registers: Registers::default(), fs_base: 0, task }, body)
}

/// Runs `body` on a host thread in the part of a thread that was started.
pub fn run<T: Send + 'static>(
    started: Started,
    body: impl FnOnce(&Arc<Thread>) -> T + Send + 'static,
) -> JoinHandle<T> {
    std::thread::spawn(move || {
        make_current(&started.thread, started.task);
        body(&started.thread)
    })
}

/// The threads of `process` that were started and not taken yet.
pub fn take_started(process: &Arc<Process>) -> Vec<Started> {
    let mut all = lock(&host().started);
    let (taken, kept) = all.drain(..).partition(|started| Arc::ptr_eq(&started.thread.process, process));
    *all = kept;
    taken
}

/// How `body` ended the thread or the machine; `None` when it returned.
pub fn ending(body: impl FnOnce()) -> Option<Ending> {
    let payload = catch_unwind(AssertUnwindSafe(body)).err()?;
    match payload.downcast::<Ending>() {
        Ok(ending) => Some(*ending),
        Err(panic) => resume_unwind(panic),
    }
}

/// Lets `count` allocations of frames and page tables by this host thread succeed and all later ones fail; `None`:
/// none fails.
pub fn fail_allocations_after(count: Option<usize>) {
    ALLOCATIONS_LEFT.set(count);
}

/// Allocations that [`fail_allocations_after`] has left: 0 says that the limit was reached.
pub fn allocations_left() -> Option<usize> {
    ALLOCATIONS_LEFT.get()
}

/// Frames that this host thread allocated, less those it gave back: to be the same before and after in a test that
/// leaks nothing.
pub fn frames_held() -> i64 {
    FRAMES_HELD.get()
}

/// Whether one more allocation may succeed.
fn may_allocate() -> bool {
    match ALLOCATIONS_LEFT.get() {
        None => true,
        Some(0) => false,
        Some(left) => {
            ALLOCATIONS_LEFT.set(Some(left - 1));
            true
        }
    }
}

fn next_id() -> i32 {
    static NEXT: AtomicI32 = AtomicI32::new(1000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn bind_task(thread: &Arc<Thread>, fs_base: u64) -> Arc<HostTask> {
    let task = Arc::new(HostTask {
        token: Mutex::new(false),
        unparked: Condvar::new(),
        fs_base: AtomicU64::new(fs_base),
        extended: Mutex::new(fresh_extended()),
        start: std::time::Instant::now(),
        running: AtomicBool::new(false),
        affinity: AtomicU64::new(u64::MAX),
    });
    let weak: std::sync::Weak<HostTask> = Arc::downgrade(&task);
    thread.bind(weak);
    task
}

fn make_current(thread: &Arc<Thread>, task: Arc<HostTask>) {
    task.running.store(true, Ordering::SeqCst);
    thread.process.memory().table.activate();
    CURRENT.with_borrow_mut(|current| *current = Some((thread.clone(), task)));
}

/// The host's side of a thread.
struct HostTask {
    token: Mutex<bool>,
    unparked: Condvar,
    fs_base: AtomicU64,
    extended: Mutex<Vec<u8>>,
    start: std::time::Instant,
    running: AtomicBool,
    affinity: AtomicU64,
}

/// FXSAVE's area and an XSAVE header, as a program finds them at its start: x87 and SSE masked, nothing in use.
fn fresh_extended() -> Vec<u8> {
    let mut image = std::vec![0; 576];
    image[..2].copy_from_slice(&0x037f_u16.to_le_bytes());
    image[24..28].copy_from_slice(&0x1f80_u32.to_le_bytes());
    image
}

impl Task for HostTask {
    fn unpark(&self) {
        *lock(&self.token) = true;
        self.unparked.notify_all();
    }

    fn set_fs_base(&self, base: u64) {
        self.fs_base.store(base, Ordering::SeqCst);
    }

    fn fs_base(&self) -> u64 {
        self.fs_base.load(Ordering::SeqCst)
    }

    fn set_gs_base(&self, _: u64) {}

    fn gs_base(&self) -> u64 {
        0
    }

    fn is_parked(&self) -> bool {
        false
    }

    fn affinity(&self) -> u64 {
        self.affinity.load(Ordering::SeqCst)
    }

    fn set_affinity(&self, cpus: u64) {
        self.affinity.store(cpus, Ordering::SeqCst);
    }

    fn cpu(&self) -> usize {
        0
    }

    fn reset_segments(&self) {
        self.set_fs_base(0);
        self.set_gs_base(0);
    }

    fn cpu_time(&self) -> u64 {
        if self.running.load(Ordering::SeqCst) { self.start.elapsed().as_nanos() as u64 } else { 0 }
    }

    fn extended_format(&self) -> ExtendedFormat {
        ExtendedFormat { size: 576, features: 3 }
    }

    fn save_extended(&self, image: &mut [u8]) {
        assert!(image.as_ptr().addr().is_multiple_of(64) && image.len() == 576);
        let saved = lock(&self.extended);
        image[..464].copy_from_slice(&saved[..464]);
        image[512..].copy_from_slice(&saved[512..]);
    }

    fn restore_extended(&self, image: &mut [u8], features: u64) -> bool {
        assert!(image.as_ptr().addr().is_multiple_of(64) && features & !3 == 0);
        // What XRSTOR refuses: undefined bits of MXCSR, a header that is not in standard format.
        let header = image.get(520..576).unwrap_or_default();
        if image[26..28] != [0, 0] || header.iter().any(|&byte| byte != 0) {
            return false;
        }
        let mut restored = image.to_vec();
        restored[464..512].fill(0);
        *lock(&self.extended) = restored;
        true
    }

    fn reset_extended(&self) {
        *lock(&self.extended) = fresh_extended();
    }
}

struct Entry {
    frame: Frame,
    access: Access,
    dirty: bool,
    accessed: bool,
}

impl Entry {
    fn mapped(&self) -> Mapped {
        Mapped { frame: self.frame.number(), access: self.access, dirty: self.dirty, accessed: self.accessed }
    }
}

/// Page tables as a map. A table of 512 entries counts as one allocation, so that running out is met there, too.
#[derive(Default)]
pub struct HostTable {
    entries: Mutex<BTreeMap<u64, Entry>>,
}

impl HostTable {
    /// Reaches one present page that grants `access`, or answers `None`.
    fn with<T>(&self, page: u64, access: Access, reach: impl FnOnce(u32) -> T) -> Option<T> {
        let mut entries = lock(&self.entries);
        let entry = entries.get_mut(&page).filter(|entry| entry.access.grants(access))?;
        entry.accessed = true;
        entry.dirty |= access.write;
        Some(reach(entry.frame.number()))
    }
}

fn check_range(start: u64, end: u64) {
    assert!(start <= end && end <= USER_END && start.is_multiple_of(PAGE) && end.is_multiple_of(PAGE));
}

fn has_table(entries: &BTreeMap<u64, Entry>, page: u64) -> bool {
    let start = page - page % TABLE_SPAN;
    entries.range(start..start + TABLE_SPAN).next().is_some()
}

/// The box that [`Machine::new_page_table`] gives; the table itself is shared with the CPUs that run on it.
struct SharedTable(Arc<HostTable>);

impl PageTable for SharedTable {
    fn map(&self, page: u64, frame: Frame, access: Access) -> Result<(), OutOfMemory> {
        check_range(page, page + PAGE);
        let mut entries = lock(&self.0.entries);
        if !has_table(&entries, page) && !may_allocate() {
            return Err(OutOfMemory);
        }
        let before = entries.insert(page, Entry { frame, access, dirty: false, accessed: false });
        drop(entries);
        drop(before);
        Ok(())
    }

    fn unmap(&self, start: u64, end: u64) {
        check_range(start, end);
        let mut entries = lock(&self.0.entries);
        let mut gone = entries.split_off(&start);
        entries.append(&mut gone.split_off(&end));
        drop(entries);
        drop(gone);
    }

    fn protect(&self, start: u64, end: u64, access: Access, keep_readonly: bool) {
        check_range(start, end);
        let mut entries = lock(&self.0.entries);
        for (_, entry) in entries.range_mut(start..end) {
            entry.access = Access { write: access.write && (entry.access.write || !keep_readonly), ..access };
        }
    }

    fn relocate(&self, from: u64, to: u64, length: u64) -> Result<(), OutOfMemory> {
        check_range(from, from + length);
        check_range(to, to + length);
        assert!(from + length <= to || to + length <= from, "ranges overlap");
        let mut entries = lock(&self.0.entries);
        assert!(entries.range(to..to + length).next().is_none(), "something is mapped at the new place");
        // All tables first: on failure nothing has moved.
        let mut last = None;
        for &page in entries.range(from..from + length).map(|(page, _)| page) {
            let table = (page - from + to) / TABLE_SPAN;
            if last != Some(table) && !has_table(&entries, table * TABLE_SPAN) && !may_allocate() {
                return Err(OutOfMemory);
            }
            last = Some(table);
        }
        let mut moving = entries.split_off(&from);
        entries.append(&mut moving.split_off(&(from + length)));
        entries.extend(moving.into_iter().map(|(page, entry)| (page - from + to, entry)));
        Ok(())
    }

    fn duplicate(&self, ranges: &mut dyn Iterator<Item = (u64, u64)>) -> Result<Box<dyn PageTable>, OutOfMemory> {
        let copy = host().new_page_table()?;
        let mut entries = lock(&self.0.entries);
        for (start, end) in ranges {
            check_range(start, end);
            for (&page, entry) in entries.range_mut(start..end) {
                entry.access.write = false;
                copy.map(page, entry.frame.clone(), entry.access)?;
            }
        }
        Ok(copy)
    }

    fn pages(&self) -> u64 {
        lock(&self.0.entries).len() as u64
    }

    fn lookup(&self, page: u64) -> Option<Mapped> {
        lock(&self.0.entries).get(&page).map(Entry::mapped)
    }

    fn visit(&self, start: u64, end: u64, visitor: &mut dyn FnMut(u64, Mapped)) {
        let entries = lock(&self.0.entries);
        let pages: Vec<_> = entries.range(start..end).map(|(&page, entry)| (page, entry.mapped())).collect();
        drop(entries);
        pages.into_iter().for_each(|(page, mapped)| visitor(page, mapped));
    }

    fn activate(&self) {
        ACTIVE.with_borrow_mut(|active| *active = Some(self.0.clone()));
    }
}

impl HostMachine {
    /// Takes `length` bytes from `address` on apart at page borders. `copy` gets the frame, the offset in it, the
    /// offset in the transfer and the length.
    fn pieces(
        &self,
        address: u64,
        length: usize,
        access: Access,
        mut copy: impl FnMut(&mut Frames, u32, usize, usize, usize),
    ) -> Result<(), usize> {
        let table = ACTIVE.with_borrow(Clone::clone).expect("a current thread");
        let mut done = 0;
        while done < length {
            let at = address.wrapping_add(done as u64);
            let offset = (at % PAGE) as usize;
            let piece = (PAGE_SIZE - offset).min(length - done);
            let reached = table.with(at - offset as u64, access, |frame| {
                copy(&mut lock(&self.frames), frame, offset, done, piece);
            });
            reached.ok_or(done)?;
            done += piece;
        }
        Ok(())
    }
}

impl Machine for HostMachine {
    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), usize> {
        self.pieces(from, to.len(), Access::READ, |frames, frame, offset, at, piece| {
            to[at..at + piece].copy_from_slice(&frames.slot(frame).bytes[offset..offset + piece]);
        })
    }

    fn copy_to_user(&self, to: u64, from: &[u8]) -> Result<(), usize> {
        self.pieces(to, from.len(), Access::WRITE, |frames, frame, offset, at, piece| {
            frames.slot(frame).bytes[offset..offset + piece].copy_from_slice(&from[at..at + piece]);
        })
    }

    fn copy_frame_to_user(&self, to: u64, frame: u32, offset: usize, length: usize) -> Result<(), usize> {
        let bytes = *lock(&self.frames).slot(frame).bytes;
        self.copy_to_user(to, &bytes[offset..offset + length])
    }

    fn copy_user_to_frame(&self, from: u64, frame: u32, offset: usize, length: usize) -> Result<(), usize> {
        self.pieces(from, length, Access::READ, |frames, source, within, at, piece| {
            let bytes = *frames.slot(source).bytes;
            frames.slot(frame).bytes[offset + at..offset + at + piece].copy_from_slice(&bytes[within..within + piece]);
        })
    }

    fn zero_user(&self, to: u64, length: usize) -> Result<(), usize> {
        self.pieces(to, length, Access::WRITE, |frames, frame, offset, _, piece| {
            frames.slot(frame).bytes[offset..offset + piece].fill(0);
        })
    }

    fn compare_exchange_user(&self, address: u64, old: u32, new: u32) -> Result<u32, usize> {
        assert!(address.is_multiple_of(4));
        let mut before = 0;
        self.pieces(address, 4, Access::WRITE, |frames, frame, offset, _, _| {
            let word = &mut frames.slot(frame).bytes[offset..offset + 4];
            before = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
            if before == old {
                word.copy_from_slice(&new.to_ne_bytes());
            }
        })?;
        Ok(before)
    }

    fn allocate_frame(&self, zeroed: bool) -> Option<Frame> {
        if !may_allocate() {
            return None;
        }
        FRAMES_HELD.set(FRAMES_HELD.get() + 1);
        // Other content than zeros, so that a test sees when it gets out.
        let slot = Some(Slot { bytes: Box::new([if zeroed { 0 } else { 0xa5 }; PAGE_SIZE]), references: 1 });
        let mut frames = lock(&self.frames);
        let number = match frames.free.pop() {
            Some(number) => {
                frames.slots[number as usize] = slot;
                number
            }
            None => {
                frames.slots.push(slot);
                frames.slots.len() as u32 - 1
            }
        };
        Some(Frame::from_number(number))
    }

    fn retain_frame(&self, frame: u32) {
        lock(&self.frames).slot(frame).references += 1;
    }

    fn release_frame(&self, frame: u32) {
        let mut frames = lock(&self.frames);
        let slot = frames.slot(frame);
        slot.references -= 1;
        if slot.references == 0 {
            frames.slots[frame as usize] = None;
            frames.free.push(frame);
            FRAMES_HELD.set(FRAMES_HELD.get() - 1);
        }
    }

    fn frame_references(&self, frame: u32) -> u32 {
        lock(&self.frames).slot(frame).references
    }

    fn read_frame(&self, frame: u32, offset: usize, to: &mut [u8]) {
        to.copy_from_slice(&lock(&self.frames).slot(frame).bytes[offset..offset + to.len()]);
    }

    fn write_frame(&self, frame: u32, offset: usize, from: &[u8]) {
        lock(&self.frames).slot(frame).bytes[offset..offset + from.len()].copy_from_slice(from);
    }

    fn zero_frame(&self, frame: u32, offset: usize, length: usize) {
        lock(&self.frames).slot(frame).bytes[offset..offset + length].fill(0);
    }

    fn copy_frame(&self, to: u32, from: u32) {
        let mut frames = lock(&self.frames);
        let bytes = *frames.slot(from).bytes;
        *frames.slot(to).bytes = bytes;
    }

    fn frames(&self) -> (u64, u64) {
        let used = lock(&self.frames).slots.iter().flatten().count() as u64;
        (used.max(1 << 16), (1 << 16) - used.min(1 << 16))
    }

    fn new_page_table(&self) -> Result<Box<dyn PageTable>, OutOfMemory> {
        if may_allocate() { Ok(Box::new(SharedTable(Arc::default()))) } else { Err(OutOfMemory) }
    }

    fn current(&self) -> Arc<Thread> {
        CURRENT.with_borrow(|current| current.as_ref().expect("a current thread").0.clone())
    }

    fn start_thread(&self, thread: Arc<Thread>, registers: &Registers, fs_base: u64) -> Result<(), OutOfMemory> {
        if !may_allocate() {
            return Err(OutOfMemory);
        }
        let task = bind_task(&thread, fs_base);
        lock(&self.started).push(Started { thread, registers: *registers, fs_base, task });
        Ok(())
    }

    fn park(&self, deadline: Option<Instant>) {
        let task = CURRENT.with_borrow(|current| current.as_ref().expect("a current thread").1.clone());
        let mut token = lock(&task.token);
        while !*token {
            token = match deadline {
                None => task.unparked.wait(token).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.since(self.monotonic());
                    if left == 0 {
                        return;
                    }
                    let wait = task.unparked.wait_timeout(token, Duration::from_nanos(left));
                    wait.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *token = false;
    }

    fn yield_now(&self) {
        std::thread::yield_now();
    }

    fn exit_thread(&self) -> ! {
        CURRENT.with_borrow_mut(Option::take);
        resume_unwind(Box::new(Ending::Thread))
    }

    fn power_off(&self, code: u8, by_signal: bool) -> ! {
        resume_unwind(Box::new(Ending::PowerOff { code, by_signal }))
    }

    fn monotonic(&self) -> Instant {
        Instant(self.start.elapsed().as_nanos() as u64)
    }

    fn arm(&self, _: Instant) {
        // Nothing interrupts here: a test lets alarms ring by itself.
    }

    fn realtime_offset(&self) -> u64 {
        self.realtime_offset.load(Ordering::SeqCst)
    }

    fn set_realtime_offset(&self, nanoseconds: u64) {
        self.realtime_offset.store(nanoseconds, Ordering::SeqCst);
    }

    fn random(&self, to: &mut [u8]) {
        for piece in to.chunks_mut(8) {
            // SplitMix64: good enough for tests.
            let step = self.random.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let mixed = (step ^ (step >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            piece.copy_from_slice(&(mixed ^ (mixed >> 31)).to_ne_bytes()[..piece.len()]);
        }
    }

    fn network(&self) -> Option<&'static dyn NetworkDevice> {
        NETWORK.get().copied()
    }

    fn processor(&self) -> Processor {
        Processor { hwcap: 0, extended_size: 512 }
    }

    fn cpuid(&self, leaf: u32, subleaf: u32) -> [u32; 4] {
        let core::arch::x86_64::CpuidResult { eax, ebx, ecx, edx } = core::arch::x86_64::__cpuid_count(leaf, subleaf);
        [eax, ebx, ecx, edx]
    }

    fn counter_khz(&self) -> u64 {
        1_000_000
    }

    fn cpus(&self) -> usize {
        1
    }

    fn current_cpu(&self) -> usize {
        0
    }

    fn log(&self, line: core::fmt::Arguments<'_>) {
        std::eprintln!("{line}");
    }

    fn report(&self, line: core::fmt::Arguments<'_>) {
        self.log(line);
    }

    fn trace_line(&self, line: &str) {
        lock(&TRACE).push(line.into());
    }
}

/// Maps `count` writable pages of zeros for the current thread, for tests that need user memory; gives the address.
/// They are present, and an ordinary private mapping.
pub fn user_pages(count: u64) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0x10_0000);
    // One page stays free behind each, so that running over the end is seen.
    let start = NEXT.fetch_add((count + 1) * PAGE, Ordering::Relaxed);
    let memory = machine().current().process.memory();
    memory.map_anonymous(start, count * PAGE, Protection::READ | Protection::WRITE).expect("a free place");
    for page in 0..count {
        memory.fault(start + page * PAGE, Access::WRITE).expect("memory");
    }
    start
}

/// User memory that holds these bytes and zeros up to the page's end; gives the address.
pub fn user_bytes(bytes: &[u8]) -> u64 {
    let address = user_pages(bytes.len() as u64 / PAGE + 1);
    machine().copy_to_user(address, bytes).expect("pages that are present");
    address
}

/// The `length` bytes of user memory at `address`, which is present.
pub fn bytes_of_user(address: u64, length: usize) -> Vec<u8> {
    let mut bytes = std::vec![0; length];
    machine().copy_from_user(address, &mut bytes).expect("pages that are present");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::Errno;
    use crate::user::{self, UserPtr};
    use crate::wait::{WaitError, WaitQueue, wait_until};

    #[test]
    fn copies_respect_access_and_stop_at_gaps() {
        let thread = test_process();
        let address = user_bytes(b"hermit");
        assert_eq!(bytes_of_user(address, 6), b"hermit");
        let mut buffer = [0; 8];
        assert_eq!(machine().copy_from_user(address + PAGE - 3, &mut buffer), Err(3));
        let memory = thread.process.memory();
        memory.table.protect(address, address + PAGE, Access::READ, false);
        assert_eq!(machine().copy_to_user(address, b"x"), Err(0));
        memory.unmap(address, PAGE).unwrap();
        assert_eq!(machine().copy_from_user(address, &mut buffer), Err(0));
        assert_eq!(UserPtr::<u32>::new(address).read(&thread), Err(Errno::EFAULT));
    }

    #[test]
    fn a_parked_thread_is_woken_and_another_times_out() {
        let thread = test_process();
        let shared = Arc::new((WaitQueue::new(), AtomicBool::new(false)));
        let theirs = shared.clone();
        let waiter = spawn(&thread.process, move |_| {
            wait_until(&[&theirs.0], None, || theirs.1.load(Ordering::SeqCst).then_some(7))
        });
        shared.1.store(true, Ordering::SeqCst);
        shared.0.wake_all();
        assert_eq!(waiter.join().unwrap(), Ok(7));
        let deadline = Some(machine().monotonic().after(1_000_000));
        assert_eq!(wait_until(&[&shared.0], deadline, || None::<()>), Err(WaitError::TimedOut));
    }

    #[test]
    fn threads_share_user_memory() {
        let thread = test_process();
        let address = user_pages(1);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                spawn(&thread.process, move |thread| {
                    let counter = UserPtr::<u32>::new(address);
                    for _ in 0..100 {
                        loop {
                            let old = counter.read(thread).unwrap();
                            if counter.compare_exchange(thread, old, old + 1) == Ok(old) {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(UserPtr::<u32>::new(address).read(&thread), Ok(400));
    }

    #[test]
    fn allocations_fail_when_told_to_and_nothing_leaks() {
        let thread = test_process();
        let before = frames_held();
        fail_allocations_after(Some(1));
        let frame = Frame::zeroed().unwrap();
        assert_eq!(Frame::zeroed(), None);
        assert_eq!(thread.process.memory().table.map(0x40_0000, frame, Access::READ), Err(OutOfMemory));
        fail_allocations_after(None);
        assert_eq!(frames_held(), before);
    }

    #[test]
    fn a_call_can_end_the_machine_or_start_a_thread() {
        let thread = test_process();
        assert_eq!(ending(|| machine().power_off(3, false)), Some(Ending::PowerOff { code: 3, by_signal: false }));
        assert_eq!(ending(|| {}), None);
        let other = Thread::new(next_id(), thread.process.clone());
        machine().start_thread(other.clone(), &Registers { rip: 5, ..Registers::default() }, 9).unwrap();
        let [started] = &mut take_started(&thread.process)[..] else { panic!("one thread") };
        assert_eq!((started.registers.rip, started.fs_base), (5, 9));
        assert_eq!(other.task().unwrap().fs_base(), 9);
    }

    #[test]
    fn user_copies_go_through_the_active_table() {
        let first = test_process();
        let address = user_bytes(b"one");
        let second = test_process();
        assert_eq!(user::copy_out(&second, address, b"two"), Err(Errno::EFAULT));
        first.process.memory().table.activate();
        assert_eq!(bytes_of_user(address, 3), b"one");
    }
}
