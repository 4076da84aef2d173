//! `/proc/PID/limits`.

use super::put;
use super::subject::Subject;
use crate::errno::Result;
use crate::process::limits::INFINITY;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use linux_raw_sys::general as raw;

/// Names and units in the order of the limits' numbers.
const LIMITS: [(u32, &str, &str); 16] = [
    (raw::RLIMIT_CPU, "Max cpu time", "seconds"),
    (raw::RLIMIT_FSIZE, "Max file size", "bytes"),
    (raw::RLIMIT_DATA, "Max data size", "bytes"),
    (raw::RLIMIT_STACK, "Max stack size", "bytes"),
    (raw::RLIMIT_CORE, "Max core file size", "bytes"),
    (raw::RLIMIT_RSS, "Max resident set", "bytes"),
    (raw::RLIMIT_NPROC, "Max processes", "processes"),
    (raw::RLIMIT_NOFILE, "Max open files", "files"),
    (raw::RLIMIT_MEMLOCK, "Max locked memory", "bytes"),
    (raw::RLIMIT_AS, "Max address space", "bytes"),
    (raw::RLIMIT_LOCKS, "Max file locks", "locks"),
    (raw::RLIMIT_SIGPENDING, "Max pending signals", "signals"),
    (raw::RLIMIT_MSGQUEUE, "Max msgqueue size", "bytes"),
    (raw::RLIMIT_NICE, "Max nice priority", ""),
    (raw::RLIMIT_RTPRIO, "Max realtime priority", ""),
    (raw::RLIMIT_RTTIME, "Max realtime timeout", "us"),
];

fn amount(limit: u64) -> String {
    if limit == INFINITY { String::from("unlimited") } else { limit.to_string() }
}

/// `limits`: a table.
pub(super) fn limits(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let process = subject.process()?;
    put(to, format_args!("{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units"));
    for (number, name, unit) in LIMITS {
        let limit = process.limits.get(number);
        put(to, format_args!("{name:<25} {:<20} {:<20} ", amount(limit.soft), amount(limit.hard)));
        // A limit without a unit ends with the blank behind its number.
        if unit.is_empty() { to.push(b'\n') } else { put(to, format_args!("{unit:<10}\n")) }
    }
    Ok(())
}
