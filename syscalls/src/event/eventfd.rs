//! `eventfd(2)`: a 64-bit counter that can be read, written and waited on.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{Events, File, OpenFile, StatusFlags};
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::wait::WaitQueue;
use alloc::string::String;
use alloc::sync::Arc;
use linux_raw_sys::general::{EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE, O_RDWR};
use spin::Mutex;

bitflags::bitflags! {
    /// The flags of `eventfd2(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct EventFdFlags: u32 {
        /// A read takes 1.
        const EFD_SEMAPHORE = EFD_SEMAPHORE;
        /// The descriptor closes on `execve(2)`.
        const EFD_CLOEXEC = EFD_CLOEXEC;
        /// Never wait.
        const EFD_NONBLOCK = EFD_NONBLOCK;
    }
}

crate::flag_argument!(EventFdFlags, strict);

/// The largest value that a write can bring about.
const LARGEST: u64 = u64::MAX - 1;

/// The counter.
pub struct EventCounter {
    value: Mutex<u64>,
    is_semaphore: bool,
    queue: WaitQueue,
}

impl EventCounter {
    /// A counter with a first value. A read of a semaphore takes 1, of another everything.
    pub fn new(value: u64, is_semaphore: bool) -> Self {
        Self { value: Mutex::new(value), is_semaphore, queue: WaitQueue::new() }
    }

    /// Adds for the kernel (asynchronous I/O): never waits, stops at the value that reads as `POLLERR`.
    pub fn signal(&self, amount: u64) {
        let mut value = self.value.lock();
        *value = value.saturating_add(amount);
        drop(value);
        self.queue.wake(Events::IN);
    }

    /// Takes what a read gives. `EAGAIN` at 0.
    fn take(&self) -> Result<u64> {
        let mut value = self.value.lock();
        if *value == 0 {
            return Err(Errno::EAGAIN);
        }
        let taken = if self.is_semaphore { 1 } else { *value };
        *value -= taken;
        let is_left = *value > 0;
        drop(value);
        self.queue.wake(Events::OUT);
        if is_left {
            self.queue.hand_on(Events::IN);
        }
        Ok(taken)
    }

    /// Adds. `EINVAL` for ~0, `EAGAIN` while it would overflow.
    fn add(&self, amount: u64) -> Result<()> {
        if amount == u64::MAX {
            return Err(Errno::EINVAL);
        }
        let mut value = self.value.lock();
        if amount > LARGEST.saturating_sub(*value) {
            return Err(Errno::EAGAIN);
        }
        *value += amount;
        let has_room = *value < LARGEST;
        drop(value);
        self.queue.wake(Events::IN);
        if has_room {
            self.queue.hand_on(Events::OUT);
        }
        Ok(())
    }
}

impl File for EventCounter {
    fn read(&self, to: &mut Destination<'_>, _: u64) -> Result<usize> {
        if to.remaining() < size_of::<u64>() {
            return Err(Errno::EINVAL);
        }
        // As on Linux, a value that the program has no memory for is lost.
        let value = self.take()?;
        to.put(&value.to_ne_bytes())
    }

    fn write(&self, from: &mut Source<'_>, _: u64) -> Result<usize> {
        if from.remaining() < size_of::<u64>() {
            return Err(Errno::EINVAL);
        }
        let start = from.mark();
        let mut amount = [0; size_of::<u64>()];
        from.take(&mut amount)?;
        let added = self.add(u64::from_ne_bytes(amount));
        // One that has to wait comes again with the same bytes; of one that is done no more is taken.
        if added.is_err() {
            from.rewind(start);
        }
        added.map(|()| amount.len())
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn poll(&self) -> Events {
        let value = *self.value.lock();
        let mut events = Events::empty();
        events.set(Events::IN, value > 0);
        events.set(Events::OUT, value < LARGEST);
        events.set(Events::ERR, value == u64::MAX);
        events
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn wakes_one(&self) -> bool {
        true
    }

    fn label(&self) -> String {
        String::from("anon_inode:[eventfd]")
    }
}

/// `eventfd(2)`.
pub fn eventfd(thread: &Thread, initial: u32) -> Result<Fd> {
    eventfd2(thread, initial, EventFdFlags::empty())
}

/// `eventfd2(2)`.
pub fn eventfd2(thread: &Thread, initial: u32, flags: EventFdFlags) -> Result<Fd> {
    let counter = EventCounter::new(initial.into(), flags.contains(EventFdFlags::EFD_SEMAPHORE));
    let status = O_RDWR | flags.intersection(EventFdFlags::EFD_NONBLOCK).bits();
    let open = OpenFile::new(Arc::new(counter), StatusFlags::from_bits_retain(status));
    thread.files().install(open, flags.contains(EventFdFlags::EFD_CLOEXEC))
}
