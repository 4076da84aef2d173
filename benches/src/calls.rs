//! Instructions of common system calls, as `programs/calls.c` counts them.

use crate::Result;
use crate::in_front_of_qemu::Wishes;
use crate::programs::Programs;
use crate::report::{Cell, Table, in_thousands};
use crate::tool::Tool;

/// The program's names, what they stand for, and the most instructions they should take.
const ROWS: [(&str, &str, u64); 17] = [
    ("trap", "null call: `syscall` to the instruction after it", 50),
    ("read_zero", "read 1 byte of `/dev/zero`", 200),
    ("write_null", "write 1 byte to `/dev/null`", 180),
    ("clock_gettime", "`clock_gettime` (vDSO)", 60),
    ("open_close", "open + close", 2_100),
    ("fstat", "fstat", 500),
    ("pread_4k", "pread 4 KiB", 900),
    ("pwrite_4k", "pwrite 4 KiB", 1_000),
    ("pipe", "1 byte into a pipe and out", 700),
    ("pipe_ping_pong", "pipe ping-pong between threads", 3_700),
    ("futex_ping_pong", "futex ping-pong", 1_800),
    ("eventfd", "eventfd, write + read", 490),
    ("epoll_wait", "epoll_wait, ready", 230),
    ("mmap_16", "map, touch, unmap 16 pages", 33_000),
    ("thread", "thread create + join", 12_000),
    ("signal", "signal to self", 1_200),
    ("fork", "fork + exit + wait", 64_000),
];

/// Runs the program with the machine's clock counting instructions.
pub(crate) fn measure(tool: &Tool, programs: &Programs) -> Result<Vec<Table>> {
    let calls = programs.path("calls");
    let (run, _) = tool.run(&["--icount".as_ref(), calls.as_ref()], &programs.path(""), Wishes::default())?;
    let mut table = Table::new("System calls, in instructions", &["call", "measured", "wanted"]);
    for (name, text, wanted) in ROWS {
        let wanted = Cell::from(format!("≤ {}", in_thousands(wanted)));
        table.row([text.into(), cell(value_of(&run.output, name)), wanted]);
    }
    if !run.status.success() {
        table.notes.push(format!("The program did not come to its end: {}: {}", run.status, run.errors.trim()));
    }
    Ok(vec![table])
}

/// What the program printed behind a name.
fn value_of<'a>(output: &'a str, name: &str) -> Option<&'a str> {
    output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

/// A number, or the program's word for what did not work.
fn cell(value: Option<&str>) -> Cell {
    value.map(|value| value.parse().map_or_else(|_| value.into(), Cell::Count)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_whole_name() {
        let output = "pipe_ping_pong 7\npipe 5\nfork unsupported\n";
        assert_eq!(cell(value_of(output, "pipe")).to_string(), "5");
        assert_eq!(cell(value_of(output, "fork")).to_string(), "unsupported");
        assert_eq!(cell(value_of(output, "thread")).to_string(), "–");
    }
}
