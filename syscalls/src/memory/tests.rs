//! Tests of the address space against the host's machine.

mod advice;
mod failing;
mod files;
mod growing;
mod mapping;
mod model;
mod protection;
mod remapping;
mod sharing;

use super::*;
use crate::errno::Errno;
use crate::file::Pages;
use crate::frame::{Frame, PAGE_SIZE};
use crate::machine::host::{frames_held, test_process};
use crate::machine::{Access, machine};
use crate::process::Credentials;
use crate::thread::Thread;
use crate::user::{copy_in, copy_out};
use linux_raw_sys::general as raw;
use std::sync::Mutex as HostMutex;
use std::vec::Vec;

const READ: u64 = raw::PROT_READ as u64;
const WRITE: u64 = raw::PROT_READ as u64 | raw::PROT_WRITE as u64;
const EXECUTE: u64 = raw::PROT_READ as u64 | raw::PROT_EXEC as u64;
const PRIVATE: u32 = raw::MAP_PRIVATE | raw::MAP_ANONYMOUS;
const SHARED: u32 = raw::MAP_SHARED | raw::MAP_ANONYMOUS;
const FIXED: u32 = PRIVATE | raw::MAP_FIXED;
/// An address that no test's layout uses.
const BASE: u64 = 0x1000_0000;

/// A process whose layout is Linux's without randomness.
fn space() -> (Arc<Thread>, Arc<AddressSpace>) {
    crate::machine::host::host();
    let table = machine().new_page_table().unwrap();
    let memory = AddressSpace::with_layout(table, Layout::fixed(Limits::STACK));
    (crate::machine::host::new_process(memory.clone()), memory)
}

/// Limits on locked memory are for those who may not lock at will.
fn drop_capabilities(thread: &Thread) {
    let own = thread.process.credentials();
    thread.process.set_credentials(Arc::new(Credentials { capabilities: 0, ..(*own).clone() }));
}

/// An anonymous request.
fn anonymous(address: u64, length: u64, protection: u64, flags: u32) -> MapRequest {
    MapRequest { address, length, protection, flags, file: None, offset: 0 }
}

/// The areas as lines, `start-end rwxp` in pages from `BASE`.
fn areas(memory: &AddressSpace) -> Vec<std::string::String> {
    let all = memory.describe().unwrap();
    all.iter()
        .map(|area| {
            let line = std::string::ToString::to_string(area);
            let rights = line.split(' ').nth(1).unwrap();
            std::format!("{}-{} {rights}", area.start.wrapping_sub(BASE) / PAGE, area.end.wrapping_sub(BASE) / PAGE)
        })
        .collect()
}

/// A file in memory. What is read ahead of writing is a copy that nobody writes back.
#[derive(Default)]
struct TestFile {
    frames: HostMutex<Vec<Frame>>,
    asked: HostMutex<Vec<(u64, bool)>>,
    cached: bool,
}

impl TestFile {
    /// A file of `pages` pages, each filled with its number plus one.
    fn new(pages: u8) -> Arc<Self> {
        Self::filled(pages, false)
    }

    /// The same; `cached`: its pages are there before they are asked for.
    fn filled(pages: u8, cached: bool) -> Arc<Self> {
        let file = Self { cached, ..Self::default() };
        for page in 0..pages {
            let frame = Frame::zeroed().unwrap();
            frame.write(0, &[page + 1; PAGE_SIZE]);
            file.frames.lock().unwrap().push(frame);
        }
        Arc::new(file)
    }

    /// A byte of its content.
    fn byte(&self, offset: u64) -> u8 {
        let mut byte = [0];
        self.frames.lock().unwrap()[(offset / PAGE) as usize].read((offset % PAGE) as usize, &mut byte);
        byte[0]
    }

    fn mapped(self: &Arc<Self>) -> Arc<MappedFile> {
        Arc::new(MappedFile {
            pages: self.clone(),
            name: MappedName::Fixed(b"/bin/test".to_vec()),
            device: 0x802,
            inode: 77,
        })
    }

    /// A request for the file.
    fn request(self: &Arc<Self>, address: u64, length: u64, protection: u64, flags: u32, mode: &str) -> MapRequest {
        let open = OpenForMapping {
            file: Some(self.mapped()),
            readable: mode.contains('r'),
            writable: mode.contains('w'),
            unsealed: true,
        };
        MapRequest { address, length, protection, flags, file: Some(open), offset: 0 }
    }
}

impl Pages for TestFile {
    fn page(&self, index: u64, for_write: bool) -> crate::Result<Option<Frame>> {
        self.asked.lock().unwrap().push((index, for_write));
        Ok(self.frames.lock().unwrap().get(index as usize).cloned())
    }

    fn present(&self, index: u64) -> Option<Frame> {
        self.frames.lock().unwrap().get(index as usize).cloned().filter(|_| self.cached)
    }
}

/// Writes one byte; `false` when that is a fault.
fn poke(thread: &Thread, address: u64, byte: u8) -> bool {
    copy_out(thread, address, &[byte]).is_ok()
}

/// Reads one byte; `None` when that is a fault.
fn peek(thread: &Thread, address: u64) -> Option<u8> {
    let mut byte = [0];
    copy_in(thread, address, &mut byte).ok().map(|()| byte[0])
}
