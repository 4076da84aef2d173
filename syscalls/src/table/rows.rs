//! The rows.

use super::table_rows;
use crate::argument::{Address, Fd};
use crate::file::calls as file;
use crate::process::calls as process;

table_rows! {
    0 => read(fd: Fd, buffer: Address, count: usize) -> usize, full, file::read;
    1 => write(fd: Fd, buffer: Address, count: usize) -> usize, full, file::write;
    39 => getpid() -> i32, full, process::getpid;
    60 => exit(status: i32), full, process::exit;
    186 => gettid() -> i32, full, process::gettid;
    231 => exit_group(status: i32), full, process::exit_group;
    323 => userfaultfd(flags: u32) -> Fd, absent;
}
