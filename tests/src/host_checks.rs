//! What is checked without a guest: unit tests, format, lints, documentation.

use crate::options::Options;
use crate::outcome::Ending;
use crate::process;
use crate::report::{Report, Verdict};
use crate::workspace::{BUILD_LIMIT, KERNEL_TARGET, Workspace, succeed};

/// Cargo's words for all crates that are built for the host.
const HOST: [&str; 3] = ["--workspace", "--exclude", "birgus-kernel"];
/// And for the one that is not.
const KERNEL: [&str; 4] = ["-p", "birgus-kernel", "--target", KERNEL_TARGET];

/// Runs the checks one after the other.
pub(crate) fn run(workspace: &Workspace, options: &Options, report: &Report) {
    let lint_words = ["--", "-D", "warnings"];
    let checks = [
        ("host/format", vec!["fmt", "--all", "--check"]),
        ("host/clippy", [&["clippy"][..], &HOST, &["--all-targets"], &lint_words].concat()),
        ("host/clippy-kernel", [&["clippy"][..], &KERNEL, &lint_words].concat()),
        ("host/documentation", [&["doc", "--no-deps", "--document-private-items"][..], &HOST].concat()),
    ];
    report.stage("unit tests", 0);
    unit_tests(workspace, options, report);
    report.stage("host checks", checks.len());
    for (name, words) in checks {
        report.doing(name);
        let mut cargo = workspace.cargo(&words);
        cargo.env("RUSTDOCFLAGS", "-D warnings");
        report.note(name, succeed(&mut cargo).map(|_| ()).into());
    }
}

/// Runs all unit and integration tests, with `--full` those that need a network too.
fn unit_tests(workspace: &Workspace, options: &Options, report: &Report) {
    report.doing("building and running unit tests");
    let mut words = [&["test"][..], &HOST, &["--no-fail-fast"]].concat();
    if options.full {
        words.extend(["--", "--include-ignored"]);
    }
    let outcome = match process::run(&mut workspace.cargo(&words), b"", BUILD_LIMIT) {
        Ok(outcome) => outcome,
        Err(why) => return report.note("host/unit-tests", Verdict::Failed(why)),
    };
    let text = String::from_utf8_lossy(&outcome.stdout);
    let summary = Summary::of(&text);
    report.count(summary.passed, summary.ignored);
    for (name, output) in &summary.failures {
        report.note(&format!("host/{name}"), Verdict::Failed(output.clone()));
    }
    // A build that failed, or a test program that died.
    if outcome.ending != Ending::Code(0) && summary.failures.is_empty() {
        let end: Vec<&str> = text.lines().rev().take(20).collect();
        let end: Vec<&str> = end.into_iter().rev().collect();
        let why = format!("{:?}\n{}\n{}", outcome.ending, end.join("\n"), String::from_utf8_lossy(&outcome.stderr));
        report.note("host/unit-tests", Verdict::Failed(why));
    }
}

/// What `cargo test` printed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    passed: u64,
    ignored: u64,
    /// Each failed test's name and output.
    failures: Vec<(String, String)>,
}

impl Summary {
    /// Reads the output of one or more test programs, as libtest writes it.
    fn of(text: &str) -> Self {
        let mut summary = Self::default();
        // The output of a failed test begins with `---- NAME stdout ----` and ends with the next one or `failures:`.
        let mut open = false;
        for line in text.lines() {
            if let Some(counts) = line.strip_prefix("test result: ") {
                summary.passed += number_before(counts, " passed");
                summary.ignored += number_before(counts, " ignored");
                open = false;
            } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.split(" stdout ----").next()) {
                summary.failures.push((name.to_owned(), String::new()));
                open = true;
            } else if line == "failures:" {
                open = false;
            } else if let (true, Some((_, output))) = (open, summary.failures.last_mut()) {
                output.push_str(line);
                output.push('\n');
            }
        }
        summary
    }
}

/// The number that stands before `word` in `12 passed; 0 failed; …`.
fn number_before(text: &str, word: &str) -> u64 {
    let Some((before, _)) = text.split_once(word) else { return 0 };
    before
        .rsplit(|character: char| !character.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_over_programs() {
        let text = "running 2 tests\ntest a ... ok\n\n\
                    test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\
                    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";
        let summary = Summary::of(text);
        assert_eq!((summary.passed, summary.ignored, summary.failures.len()), (13, 3, 0));
    }

    #[test]
    fn a_failed_test_comes_with_its_output() {
        let text = "test good ... ok\ntest x::bad ... FAILED\n\nfailures:\n\n---- x::bad stdout ----\nline 1\nline 2\n\n\
                    failures:\n    x::bad\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured\n";
        let summary = Summary::of(text);
        assert_eq!(summary.failures, [("x::bad".to_owned(), "line 1\nline 2\n\n".to_owned())]);
        assert_eq!(summary.passed, 1);
    }
}
