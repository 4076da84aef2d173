//! The rows.

use super::table_rows;
use crate::argument::{Address, Fd};
use crate::file::calls as file;
use crate::process::calls as process;
use crate::signal::kill as send;
use crate::signal::stack::{StackDescription, sigaltstack};
use crate::signal::{Action, SigInfo, SigSet, calls as signal, mask, restart, rt_sigreturn, waiting};
use crate::time::TimeSpec;
use crate::user::UserPtr;

table_rows! {
    0 => read(fd: Fd, buffer: Address, count: usize) -> usize, full, file::read;
    1 => write(fd: Fd, buffer: Address, count: usize) -> usize, full, file::write;
    13 => rt_sigaction(signal: i32, new: UserPtr<Action>, old: UserPtr<Action>, size: usize), full, signal::rt_sigaction;
    14 => rt_sigprocmask(how: i32, set: UserPtr<SigSet>, old: UserPtr<SigSet>, size: usize), full, mask::rt_sigprocmask;
    15 => rt_sigreturn() -> i64, full [registers], rt_sigreturn;
    34 => pause(), full, waiting::pause;
    39 => getpid() -> i32, full, process::getpid;
    60 => exit(status: i32), full, process::exit;
    62 => kill(process: i32, signal: i32), full, send::kill;
    127 => rt_sigpending(set: UserPtr<u8>, size: usize), full, mask::rt_sigpending;
    128 => rt_sigtimedwait(set: UserPtr<SigSet>, info: UserPtr<SigInfo>, timeout: UserPtr<TimeSpec>, size: usize) -> i32,
        full, waiting::rt_sigtimedwait;
    129 => rt_sigqueueinfo(process: i32, signal: i32, info: UserPtr<SigInfo>), full, send::rt_sigqueueinfo;
    130 => rt_sigsuspend(set: UserPtr<SigSet>, size: usize), full, waiting::rt_sigsuspend;
    131 => sigaltstack(new: UserPtr<StackDescription>, old: UserPtr<StackDescription>), full [registers], sigaltstack;
    186 => gettid() -> i32, full, process::gettid;
    200 => tkill(thread: i32, signal: i32), full, send::tkill;
    219 => restart_syscall() -> i64, full, restart::restart_syscall;
    231 => exit_group(status: i32), full, process::exit_group;
    234 => tgkill(process: i32, thread: i32, signal: i32), full, send::tgkill;
    297 => rt_tgsigqueueinfo(process: i32, thread: i32, signal: i32, info: UserPtr<SigInfo>),
        full, send::rt_tgsigqueueinfo;
    323 => userfaultfd(flags: u32) -> Fd, absent;
}
