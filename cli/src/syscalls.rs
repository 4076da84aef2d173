//! `birgus syscalls`: which of Linux's system calls are there.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use birgus_syscalls::table::{Counts, ROWS, counts, write_markdown};

/// Prints the table: as plain columns, or as the Markdown that the documentation holds. Gives the exit code.
pub(crate) fn list(markdown: bool) -> u8 {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = if markdown { write_markdown(&mut text) } else { columns(&mut text) };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => 0,
        // Whoever reads has enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(_) => 1,
    }
}

fn columns(text: &mut String) -> std::fmt::Result {
    for row in ROWS {
        let line = format!("{:>4}  {:<8} {}", row.number, row.level.word(), row.signature());
        match row.level.note() {
            "" => writeln!(text, "{line}")?,
            missing => writeln!(text, "{line}: {missing}")?,
        }
    }
    let Counts { full, partial, absent } = counts();
    writeln!(text, "{full} full, {partial} partial, {absent} absent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_line_and_the_sum_is_right() {
        let mut text = String::new();
        columns(&mut text).expect("a string");
        let Counts { full, partial, absent } = counts();
        assert_eq!(text.lines().count(), full + partial + absent + 1);
        assert!(text.contains("   1  full     write(fd, buffer, count)\n"));
        assert!(text.contains("absent   userfaultfd(flags)\n"));
    }
}
