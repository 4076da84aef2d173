//! The table as something to read: what `birgus syscalls` and the documentation say of each call.

use super::{Level, ROWS, Row};
use core::fmt::{self, Display, Write};

impl Level {
    /// One word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial(_) => "partial",
            Self::Absent => "absent",
        }
    }

    /// What is missing, in words; empty where there is nothing to say.
    pub const fn note(self) -> &'static str {
        match self {
            Self::Partial(missing) => missing,
            Self::Full | Self::Absent => "",
        }
    }
}

impl Row {
    /// The call as a manual page has it: `read(fd, buffer, count)`.
    pub fn signature(&self) -> impl Display {
        Signature(self)
    }
}

struct Signature<'a>(&'a Row);

impl Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.0.name)?;
        for (index, (argument, _)) in self.0.arguments.iter().enumerate() {
            write!(f, "{}{argument}", if index > 0 { ", " } else { "" })?;
        }
        f.write_char(')')
    }
}

/// How many calls are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// With all that their man page says.
    pub full: usize,
    /// With something missing.
    pub partial: usize,
    /// Answered with `ENOSYS`.
    pub absent: usize,
}

/// Counts the rows.
pub fn counts() -> Counts {
    let mut counts = Counts::default();
    for row in ROWS {
        match row.level {
            Level::Full => counts.full += 1,
            Level::Partial(_) => counts.partial += 1,
            Level::Absent => counts.absent += 1,
        }
    }
    counts
}

/// The row of a name.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

/// Writes the table as Markdown: the calls that are there one by one, the others by name.
pub fn write_markdown(out: &mut dyn Write) -> fmt::Result {
    let Counts { full, partial, absent } = counts();
    writeln!(out, "Of Linux's {} system calls {full} are there in full and {partial} in part.\n", ROWS.len())?;
    writeln!(out, "| number | call | support | missing |")?;
    writeln!(out, "|--:|---|---|---|")?;
    for row in ROWS.iter().filter(|row| row.level != Level::Absent) {
        write!(out, "| {} | `{}` | {} | ", row.number, row.signature(), row.level.word())?;
        // A bar would end the cell.
        for piece in row.level.note().split_inclusive('|') {
            match piece.strip_suffix('|') {
                Some(before) => write!(out, "{before}\\|")?,
                None => out.write_str(piece)?,
            }
        }
        writeln!(out, " |")?;
    }
    write!(out, "\nThe other {absent} answer `ENOSYS`:")?;
    let mut column = 0;
    let mut separator = "";
    for row in ROWS.iter().filter(|row| row.level == Level::Absent) {
        out.write_str(separator)?;
        // Lines of a width that a person can read.
        if column == 0 || column + row.name.len() > 110 {
            column = 0;
            out.write_char('\n')?;
        } else {
            out.write_char(' ')?;
        }
        write!(out, "`{}`", row.name)?;
        column += row.name.len() + 4;
        separator = ",";
    }
    writeln!(out, ".")
}
