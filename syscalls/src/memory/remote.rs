//! `process_vm_readv(2)`, `process_vm_writev(2)`: from one process's memory to another's.

use super::{AddressSpace, page_of};
use crate::errno::{Errno, Result};
use crate::frame::{Frame, PAGE, PAGE_SIZE};
use crate::machine::{Access, machine};
use crate::process::{Process, registry};
use crate::thread::Thread;
use crate::transfer::{Destination, IoVec, Source};
use crate::user::{USER_END, UserPtr};
use alloc::sync::Arc;
use linux_raw_sys::general::CAP_SYS_PTRACE;

impl AddressSpace {
    /// A reference to the frame at `address`, for as much as the mapping allows. `EFAULT`.
    fn granted_frame(&self, address: u64, access: Access) -> Result<Frame> {
        let page = page_of(address);
        self.fault(page, access).map_err(|_| Errno::EFAULT)?;
        let state = self.state.lock();
        let mapped = self.table.lookup(page).filter(|mapped| mapped.access.grants(access)).ok_or(Errno::EFAULT)?;
        machine().retain_frame(mapped.frame);
        drop(state);
        Ok(Frame::from_number(mapped.frame))
    }
}

/// The process that may be read and written. `ESRCH`, `EPERM`.
fn target(thread: &Thread, id: i32) -> Result<Arc<Process>> {
    let found = registry::thread(id).map(|thread| thread.process.clone());
    let process = found.or_else(|| registry::find(id)).ok_or(Errno::ESRCH)?;
    if Arc::ptr_eq(&process, &thread.process) {
        return Ok(process);
    }
    // Who could trace it: the same user and group in all their kinds, and no more capabilities there than here.
    let (who, whose) = (thread.process.credentials(), process.credentials());
    let same = |mine: u32, theirs: crate::process::Identity| {
        mine == theirs.real && mine == theirs.effective && mine == theirs.saved
    };
    let alike = same(who.user.real, whose.user) && same(who.group.real, whose.group);
    let fewer = whose.privileges.permitted & !who.privileges.permitted == 0;
    if alike && fewer || who.has(CAP_SYS_PTRACE) { Ok(process) } else { Err(Errno::EPERM) }
}

/// The buffers in the other process. `EINVAL`, `EFAULT`.
fn remote_buffers(thread: &Thread, vector: UserPtr<IoVec>, count: usize) -> Result<alloc::vec::Vec<IoVec>> {
    if count > 1024 {
        return Err(Errno::EINVAL);
    }
    let buffers = vector.read_array(thread, count)?;
    if buffers.iter().any(|buffer| buffer.length > i64::MAX as u64) {
        return Err(Errno::EINVAL);
    }
    Ok(buffers)
}

/// Visits the pieces of the remote buffers, page by page, until `each` says that there is no more to do; what was done
/// before an error counts.
fn visit(
    process: &Process,
    buffers: &[IoVec],
    access: Access,
    mut each: impl FnMut(&Frame, usize, usize) -> Result<usize>,
) -> Result<usize> {
    let memory = process.memory();
    let mut done = 0;
    for buffer in buffers {
        let mut at = 0;
        while at < buffer.length {
            let address = buffer.base.wrapping_add(at);
            let within = (address % PAGE) as usize;
            let length = usize::try_from(buffer.length - at).unwrap_or(usize::MAX).min(PAGE_SIZE - within);
            let moved = match address < USER_END {
                true => memory.granted_frame(address, access).and_then(|frame| each(&frame, within, length)),
                false => Err(Errno::EFAULT),
            };
            match moved {
                Err(errno) => return if done > 0 { Ok(done) } else { Err(errno) },
                Ok(0) => return Ok(done),
                Ok(moved) => {
                    done += moved;
                    at += moved as u64;
                }
            }
        }
    }
    Ok(done)
}

/// `process_vm_readv(2)`.
pub fn process_vm_readv(
    thread: &Thread,
    id: i32,
    local: UserPtr<IoVec>,
    local_count: usize,
    remote: UserPtr<IoVec>,
    remote_count: usize,
    flags: u64,
) -> Result<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let mut to = Destination::vectors(thread, local.address(), local_count)?;
    let buffers = remote_buffers(thread, remote, remote_count)?;
    if to.remaining() == 0 {
        return Ok(0);
    }
    let process = target(thread, id)?;
    visit(&process, &buffers, Access::READ, |frame, within, length| to.put_frame(frame, within, length))
}

/// `process_vm_writev(2)`.
pub fn process_vm_writev(
    thread: &Thread,
    id: i32,
    local: UserPtr<IoVec>,
    local_count: usize,
    remote: UserPtr<IoVec>,
    remote_count: usize,
    flags: u64,
) -> Result<usize> {
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let mut from = Source::vectors(thread, local.address(), local_count)?;
    let buffers = remote_buffers(thread, remote, remote_count)?;
    if from.remaining() == 0 {
        return Ok(0);
    }
    let process = target(thread, id)?;
    visit(&process, &buffers, Access::WRITE, |frame, within, length| from.take_frame(frame, within, length))
}
