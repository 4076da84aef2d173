//! What a test's output says, and whether that is as good as on Linux.

use crate::batch::{Ending, Run};
use crate::suite::Entry;
use crate::table::Row;

/// A reason is cut to this many characters.
const REASON: usize = 110;

/// Checks by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) pass: u32,
    pub(crate) fail: u32,
    pub(crate) conf: u32,
    pub(crate) brok: u32,
}

/// Judges a run: it passes when it exits with 0 and no fewer of its checks pass than on Linux.
pub(crate) fn judge(entry: &Entry, run: &Run) -> Row {
    let counts = counts(&run.output);
    let passed = run.ending == Ending::Code(0) && counts.pass >= entry.native.passes;
    Row {
        name: entry.name.clone(),
        area: entry.area.clone(),
        passed,
        native_passes: entry.native.passes,
        counts,
        exit: match run.ending {
            Ending::Code(code) => code.to_string(),
            Ending::Timeout => "timeout".to_owned(),
            Ending::Crash => "crash".to_owned(),
            Ending::Hang => "hang".to_owned(),
        },
        milliseconds: run.milliseconds,
        reason: if passed { String::new() } else { reason(run) },
    }
}

/// The counts of the summary that newer tests print at their end; otherwise the marked lines.
fn counts(output: &str) -> Counts {
    let summary = output.lines().skip_while(|line| line.trim() != "Summary:");
    let number = |word: &str| {
        let found = summary.clone().find_map(|line| line.strip_prefix(word).map(str::trim)?.parse().ok());
        found.unwrap_or_else(|| marked(output, word))
    };
    Counts { pass: number("passed"), fail: number("failed"), conf: number("skipped"), brok: number("broken") }
}

fn marked(output: &str, word: &str) -> u32 {
    let mark = match word {
        "passed" => "TPASS",
        "failed" => "TFAIL",
        "skipped" => "TCONF",
        _ => "TBROK",
    };
    output.lines().filter(|line| line.contains(mark)).count().try_into().unwrap_or(u32::MAX)
}

/// The first line that says what is wrong.
fn reason(run: &Run) -> String {
    let lines = || run.output.lines().filter(|line| !line.trim().is_empty());
    let marked = |mark: &'static str| lines().find(move |line| line.contains(mark));
    let said = marked("panic")
        .filter(|_| run.ending == Ending::Crash)
        .or_else(|| ["TBROK", "TFAIL", "TCONF"].into_iter().find_map(marked))
        .or_else(|| lines().next_back())
        .unwrap_or("no output");
    let said: String = said.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    said.trim().chars().take(REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts() {
        let output = "x.c:1: TPASS: a\nx.c:2: TFAIL: b\n\nSummary:\npassed   7\nfailed   1\nbroken   0\nskipped  2\n";
        assert_eq!(counts(output), Counts { pass: 7, fail: 1, conf: 2, brok: 0 });
    }

    #[test]
    fn without_a_summary_the_lines_count() {
        let output = "pipe01    1  TPASS  :  fine\npipe01    2  TBROK  :  not\n";
        assert_eq!(counts(output), Counts { pass: 1, fail: 0, conf: 0, brok: 1 });
        let run = Run { ending: Ending::Code(2), output: output.to_owned(), milliseconds: 1 };
        assert_eq!(reason(&run), "pipe01    2  TBROK  :  not");
    }
}
