//! What happened so far, told as it happens.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should.
    Passed,
    /// Otherwise; what a reader needs to see, in lines.
    Failed(String),
    /// Not run, or known not to work yet; why.
    Skipped(String),
}

impl From<Result<(), String>> for Verdict {
    fn from(result: Result<(), String>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Passed)
    }
}

/// Counts verdicts, prints failures as they come, and shows progress on a terminal.
pub(crate) struct Report {
    state: Mutex<State>,
    bar: ProgressBar,
    started: Instant,
}

#[derive(Default)]
struct State {
    passed: u64,
    failed: u64,
    skipped: u64,
    failures: Vec<String>,
    stage: Option<(String, Instant)>,
}

impl Report {
    pub(crate) fn new() -> Self {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        bar.set_style(
            ProgressStyle::with_template("{elapsed:>4} {prefix} {pos}/{len} {wide_msg}").expect("a template"),
        );
        Self { state: Mutex::default(), bar, started: Instant::now() }
    }

    /// Begins a part of the tests, of so many steps.
    pub(crate) fn stage(&self, name: &str, steps: usize) {
        let mut state = self.state();
        self.end_stage(&mut state);
        state.stage = Some((name.to_owned(), Instant::now()));
        drop(state);
        self.bar.set_length(steps as u64);
        self.bar.set_position(0);
        self.bar.set_prefix(name.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// Says what is being done.
    pub(crate) fn doing(&self, what: &str) {
        self.bar.set_message(what.to_owned());
    }

    /// Notes how the test `name` ended.
    pub(crate) fn note(&self, name: &str, verdict: Verdict) {
        let mut state = self.state();
        self.bar.inc(1);
        match verdict {
            Verdict::Passed => {
                state.passed += 1;
                self.bar.set_message(name.to_owned());
            }
            Verdict::Failed(why) => {
                state.failed += 1;
                state.failures.push(name.to_owned());
                self.print(&format!("FAILED {name}"));
                for line in why.lines() {
                    self.print(&format!("    {line}"));
                }
            }
            Verdict::Skipped(why) => {
                state.skipped += 1;
                self.print(&format!("skipped {name}: {why}"));
            }
        }
    }

    /// Notes tests of which only their number is known.
    pub(crate) fn count(&self, passed: u64, skipped: u64) {
        let mut state = self.state();
        state.passed += passed;
        state.skipped += skipped;
    }

    /// Prints the sum and gives the exit code.
    pub(crate) fn finish(self) -> ExitCode {
        self.end_stage(&mut self.state());
        self.bar.finish_and_clear();
        let state = self.state.into_inner().expect("no test panicked");
        if !state.failures.is_empty() {
            println!("failed: {}", state.failures.join(" "));
        }
        println!("all in {:.0} s", self.started.elapsed().as_secs_f64());
        println!("{} passed, {} failed, {} skipped", state.passed, state.failed, state.skipped);
        ExitCode::from(u8::from(state.failed > 0))
    }

    fn end_stage(&self, state: &mut State) {
        if let Some((name, started)) = state.stage.take() {
            self.print(&format!("{name}: {:.1} s", started.elapsed().as_secs_f64()));
        }
    }

    fn print(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panicked")
    }
}
