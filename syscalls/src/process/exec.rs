//! Another program in a process's place: `execve(2)`, `execveat(2)`.
//!
//! The new address space is made while the old program is still there; so all that can fail fails before anything has
//! changed. Then the other threads end, and the process moves over.

use super::program::{Executable, Invocation, ProgramImage};
use super::{Credentials, Process, exit};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::{AtFlags, Descriptor};
use crate::filesystem::{Entry, Kind, Walk};
use crate::machine::machine;
use crate::memory::{AddressSpace, Layout};
use crate::registers::Registers;
use crate::thread::{Thread, Work};
use crate::user::{UserPtr, UserString};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use birgus_loader::stack::{STRING_LIMIT, total_limit};
use core::sync::atomic::Ordering;
use linux_raw_sys::general as raw;

/// `ADDR_NO_RANDOMIZE` of `<sys/personality.h>`.
const NO_RANDOMIZE: u32 = 0x4_0000;

/// A file that is to be run, and the name by which it knows itself.
struct Found {
    entry: Arc<Entry>,
    /// `AT_EXECFN`.
    name: Vec<u8>,
    /// Whether a script's interpreter could not open it any more by that name.
    is_out_of_reach: bool,
}

/// `execve(2)`.
pub fn execve(
    thread: &Thread,
    registers: &mut Registers,
    path: UserString,
    arguments: UserPtr<u64>,
    environment: UserPtr<u64>,
) -> Result<()> {
    execveat(thread, registers, Fd::WORKING_DIRECTORY, path, arguments, environment, AtFlags::empty())
}

/// `execveat(2)`.
pub fn execveat(
    thread: &Thread,
    registers: &mut Registers,
    directory: Fd,
    path: UserString,
    arguments: UserPtr<u64>,
    environment: UserPtr<u64>,
    flags: AtFlags,
) -> Result<()> {
    let path = path.read_path(thread)?;
    if path.is_empty() && !flags.contains(AtFlags::AT_EMPTY_PATH) {
        return Err(Errno::ENOENT);
    }
    if !(AtFlags::AT_EMPTY_PATH | AtFlags::AT_SYMLINK_NOFOLLOW).contains(flags) {
        return Err(Errno::EINVAL);
    }
    let found = find(thread, directory, &path, flags)?;
    let limit = total_limit(thread.process.limits.get(raw::RLIMIT_STACK).soft);
    let mut room = limit;
    let mut arguments = strings(thread, arguments, &mut room)?;
    let environment = strings(thread, environment, &mut room)?;
    run(thread, registers, &found, &mut arguments, &environment, limit)
}

fn find(thread: &Thread, directory: Fd, path: &[u8], flags: AtFlags) -> Result<Found> {
    if path.is_empty() && flags.contains(AtFlags::AT_EMPTY_PATH) {
        let (entry, closes) = match directory {
            Fd::WORKING_DIRECTORY => (thread.process.context.working_directory(), false),
            _ => {
                let Descriptor { open, close_on_exec } = thread.files().descriptor(directory)?;
                (open.entry(), close_on_exec)
            }
        };
        let name = format!("/dev/fd/{}", directory.0).into_bytes();
        return Ok(Found { entry, name, is_out_of_reach: closes });
    }
    let follow = !flags.contains(AtFlags::AT_SYMLINK_NOFOLLOW);
    let entry = Walk::new(thread, directory, path)?.entry(path, follow)?;
    if entry.kind() == Kind::Symlink {
        return Err(Errno::ELOOP);
    }
    if directory == Fd::WORKING_DIRECTORY || path.first() == Some(&b'/') {
        return Ok(Found { entry, name: path.to_vec(), is_out_of_reach: false });
    }
    let name = [format!("/dev/fd/{}/", directory.0).as_bytes(), path].concat();
    Ok(Found { entry, name, is_out_of_reach: thread.files().descriptor(directory)?.close_on_exec })
}

/// Reads an array of strings that ends with a null pointer; none at all is an empty one. `room` is what all strings,
/// with their pointers, may take. `EFAULT`, `E2BIG`, `ENOMEM`.
fn strings(thread: &Thread, array: UserPtr<u64>, room: &mut u64) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    if array.is_null() {
        return Ok(all);
    }
    loop {
        let pointer = array.element(all.len()).read(thread)?;
        if pointer == 0 {
            return Ok(all);
        }
        let string = UserString(pointer).read(thread, STRING_LIMIT, Errno::E2BIG)?;
        *room = room.checked_sub(string.len() as u64 + 9).ok_or(Errno::E2BIG)?;
        all.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        all.push(string);
    }
}

/// What a new program changes of a process.
struct Change {
    memory: Arc<AddressSpace>,
    registers: Registers,
    program: ProgramImage,
    credentials: Credentials,
    /// Whether it has gained privileges.
    is_secure: bool,
    /// Whether it is somebody else's, or may not be read: others may not look into it then.
    is_dumpable: bool,
}

fn run(
    thread: &Thread,
    registers: &mut Registers,
    found: &Found,
    arguments: &mut Vec<Vec<u8>>,
    environment: &[Vec<u8>],
    limit: u64,
) -> Result<()> {
    let change = prepare(thread, found, arguments, environment, limit)?;
    exit::end_other_threads(thread)?;
    exit::leave_memory(thread);
    *registers = change.registers;
    let process = &thread.process;
    thread.become_main();
    thread.set_name_from_path(&found.name);
    move_over(process, change.memory);
    process.set_program(change.program);
    if change.is_secure || !change.is_dumpable {
        thread.attributes.set_parent_death_signal(0);
    }
    process.attributes.set_dumpable(change.is_dumpable);
    process.set_credentials(Arc::new(change.credentials));
    let task = thread.task().ok_or(Errno::ESRCH)?;
    task.reset_segments();
    task.reset_extended();
    thread.signals.drop_alternate_stack();
    // Also on the fast way out all registers are the new program's.
    thread.demand(Work::REGISTERS);
    Ok(())
}

/// All that can fail.
fn prepare(
    thread: &Thread,
    found: &Found,
    arguments: &mut Vec<Vec<u8>>,
    environment: &[Vec<u8>],
    limit: u64,
) -> Result<Change> {
    let process = &thread.process;
    let who = process.credentials();
    let (root, here) = (process.context.root(), process.context.working_directory());
    let walk = || Walk::from(root.clone(), here.clone(), who.clone());
    let executable = Executable::open(found.entry.clone(), &found.name, arguments, &walk).map_err(|why| why.errno())?;
    if found.is_out_of_reach && !Arc::ptr_eq(executable.entry(), &found.entry) {
        return Err(Errno::ENOENT);
    }
    let (credentials, is_secure) = who.after_exec(executable.entry(), thread.attributes.has_no_new_privileges());
    let is_dumpable = credentials.user.effective == who.user.real
        && credentials.group.effective == who.group.real
        && executable.is_readable_by(&who);
    let table = machine().new_page_table().map_err(|_| Errno::ENOMEM)?;
    let stack_limit = process.limits.get(raw::RLIMIT_STACK).soft;
    let is_random = thread.attributes.personality() & NO_RANDOMIZE == 0;
    let layout = if is_random { Layout::random(stack_limit) } else { Layout::fixed(stack_limit) };
    let memory = AddressSpace::with_layout(table, layout);
    memory.limits.copy_from(&process.memory().limits);
    let invocation = Invocation { arguments, environment, name: &found.name, limit, who: &credentials, is_secure };
    let (registers, program) = executable.load(&memory, &invocation).map_err(|why| why.errno())?;
    Ok(Change { memory, registers, program, credentials, is_secure, is_dumpable })
}

/// What does not survive the old program.
fn move_over(process: &Process, memory: Arc<AddressSpace>) {
    process.move_to(memory);
    process.timers.after_exec();
    process.signals.set_actions(process.signals.actions().after_exec());
    process.files.unshare();
    drop(process.files.remove_where(|_, descriptor| descriptor.close_on_exec));
    process.reset_exit_signal();
    process.has_executed.store(true, Ordering::Relaxed);
}
