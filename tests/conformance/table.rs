//! The table of results, a file of the repository.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write as _};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::judgement::Counts;

const HEAD: &str = "id\tarea\tverdict\tnative\tpass\tfail\tconf\tbrok\texit\tms\treason";

/// How a test ended in the guest.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) area: String,
    pub(crate) passed: bool,
    /// Checks that pass on Linux.
    pub(crate) native_passes: u32,
    pub(crate) counts: Counts,
    pub(crate) exit: String,
    pub(crate) milliseconds: u64,
    /// For one that does not pass.
    pub(crate) reason: String,
}

/// Rows by their names. What is not run again keeps its row.
pub(crate) struct Table {
    rows: BTreeMap<String, Row>,
}

impl Table {
    /// Reads the table; one that is not there is empty.
    ///
    /// # Errors
    /// A line that is not of the form.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().filter(|line| !line.starts_with('#') && *line != HEAD);
        let rows = lines.map(|line| Row::parse(line).ok_or_else(|| format!("{}: {line}", file.display())));
        let rows: Result<Vec<Row>, String> = rows.collect();
        Ok(Self { rows: rows?.into_iter().map(|row| (row.name.clone(), row)).collect() })
    }

    pub(crate) fn put(&mut self, row: Row) {
        self.rows.insert(row.name.clone(), row);
    }

    /// Writes the table with today's date.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn write(&self, file: &Path) -> Result<(), String> {
        let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output().map_err(|error| error.to_string())?;
        let date = String::from_utf8_lossy(&date.stdout);
        let passed = self.rows.values().filter(|row| row.passed).count();
        let mut text = format!("# {}: {passed} of {} pass\n{HEAD}\n", date.trim(), self.rows.len());
        for row in self.rows.values() {
            let _ = writeln!(text, "{row}");
        }
        fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Prints how many of each area pass, and of all.
    pub(crate) fn summarise(&self, goal: usize) {
        let mut areas: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for row in self.rows.values() {
            let area = areas.entry(&row.area).or_default();
            *area = (area.0 + usize::from(row.passed), area.1 + 1);
        }
        for (area, (passed, all)) in areas.iter().filter(|(_, (passed, all))| passed < all) {
            println!("{area:24} {passed:3} of {all:3}");
        }
        let passed = self.rows.values().filter(|row| row.passed).count();
        println!("{passed} of {} pass; {goal} pass on Linux", self.rows.len());
    }
}

impl Row {
    fn parse(line: &str) -> Option<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[name, area, verdict, native, pass, fail, conf, brok, exit, milliseconds, reason] = &columns[..] else {
            return None;
        };
        let number = |text: &str| text.parse().ok();
        Some(Self {
            name: name.to_owned(),
            area: area.to_owned(),
            passed: verdict == "pass",
            native_passes: number(native)?,
            counts: Counts { pass: number(pass)?, fail: number(fail)?, conf: number(conf)?, brok: number(brok)? },
            exit: exit.to_owned(),
            milliseconds: milliseconds.parse().ok()?,
            reason: reason.to_owned(),
        })
    }
}

impl Display for Row {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Counts { pass, fail, conf, brok } = self.counts;
        let verdict = if self.passed { "pass" } else { "fail" };
        let Self { name, area, native_passes, exit, milliseconds, reason, .. } = self;
        write!(
            formatter,
            "{name}\t{area}\t{verdict}\t{native_passes}\t{pass}\t{fail}\t{conf}\t{brok}\t{exit}\t{milliseconds}\t{reason}"
        )
    }
}
