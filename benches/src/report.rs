//! What is printed.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use crate::Result;

/// A table under a title, its first column the names of the rows.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What one must know to read it.
    pub(crate) notes: Vec<String>,
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self { title: title.into(), columns: columns.to_vec(), rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }
}

/// What stands in a table. In JSON: a string, a number, or null.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Cell {
    Text(String),
    Count(u64),
    Milliseconds(f64),
    Ratio(f64),
    Missing,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<Duration> for Cell {
    fn from(time: Duration) -> Self {
        Self::Milliseconds(time.as_secs_f64() * 1000.0)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Count(count) => f.write_str(&in_thousands(*count)),
            Self::Milliseconds(milliseconds) => write!(f, "{milliseconds:.1}"),
            Self::Ratio(ratio) => write!(f, "{ratio:.2}"),
            Self::Missing => f.write_str("–"),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n| {} |", self.title, self.columns.join(" | "))?;
        writeln!(f, "|---|{}", "--:|".repeat(self.columns.len() - 1))?;
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "\n{note}"))
    }
}

/// `1234567` as `1,234,567`.
pub(crate) fn in_thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Where the figures come from: QEMU's version, the CPU, and how busy the machine is.
pub(crate) fn circumstances() -> Result<String> {
    let version = Command::new(crate::in_front_of_qemu::qemu()?).arg("--version").output()?.stdout;
    let version = String::from_utf8_lossy(&version);
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(format!(
        "{}; {} × {}; load {}",
        version.lines().next().unwrap_or_default(),
        std::thread::available_parallelism()?,
        model.map_or("CPU", |(_, model)| model),
        load.split(' ').next().unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new("Size", &["what", "bytes", "wanted"]);
        table.row(["kernel".into(), Cell::Count(1_048_576), Cell::Missing]);
        table.row(["ratio".into(), Cell::Ratio(1.999), Cell::Milliseconds(2.04)]);
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..4], ["### Size", "", "| what | bytes | wanted |", "|---|--:|--:|"]);
        assert_eq!(lines[4..], ["| kernel | 1,048,576 | – |", "| ratio | 2.00 | 2.0 |"]);
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (count, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(in_thousands(count), text);
        }
    }
}
