//! What is told of a program, for people and, as JSON, for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use birgus_rewriter::Tactic;
use birgus_rewriter::analysis::{Analysis, Finding, Reason};
use birgus_syscalls::table::{self, Level};
use serde::Serialize;

use super::nature::Nature;

/// The report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    program: String,
    #[serde(flatten)]
    nature: Nature,
    /// How often the bytes `0f 05` stand in its code.
    byte_pairs: usize,
    /// How many of these stand where nothing is known: sites or not.
    unproven: usize,
    sites: Vec<Site>,
    coverage: Coverage,
    /// Calls whose number is known at a site and that are not there, or not whole.
    calls: Calls,
    verdict: String,
}

#[derive(Debug, Serialize)]
struct Site {
    address: u64,
    number: Option<u32>,
    call: Option<&'static str>,
    /// How it becomes a jump; none where it keeps its trap.
    tactic: Option<&'static str>,
    /// Why it keeps its trap.
    reason: Option<String>,
    /// How many bytes of the program are replaced.
    patch: usize,
}

#[derive(Debug, Serialize)]
struct Coverage {
    sites: usize,
    jumps: usize,
    /// Sites that are never rewritten: returns from signals.
    left_alone: usize,
    /// Jumps in a hundred sites, those left alone not counted.
    percent: f64,
    by_tactic: BTreeMap<&'static str, usize>,
}

#[derive(Debug, Serialize)]
struct Calls {
    /// How many sites have a number that is not known.
    unknown: usize,
    known: BTreeSet<&'static str>,
    absent: BTreeSet<&'static str>,
    /// With what is missing.
    partial: BTreeMap<&'static str, &'static str>,
    /// Numbers that Linux does not have.
    strange: BTreeSet<u32>,
}

impl Report {
    pub(super) fn new(program: String, nature: Nature, analysis: &Analysis) -> Self {
        let sites: Vec<Site> = analysis.sites.iter().map(Site::new).collect();
        let coverage = Coverage::of(analysis);
        let calls = Calls::of(analysis);
        let verdict = verdict(&nature, &coverage, &calls);
        let (byte_pairs, unproven) = (analysis.byte_pairs, analysis.unproven);
        Self { program, nature, byte_pairs, unproven, sites, coverage, calls, verdict }
    }
}

impl Site {
    fn new(finding: &Finding) -> Self {
        let draft = finding.verdict.as_ref().ok();
        let row = finding.number.and_then(|number| table::row(number.into()));
        Self {
            address: finding.address,
            number: finding.number,
            call: row.map(|row| row.name),
            tactic: draft.map(|draft| draft.tactic.word()),
            reason: finding.verdict.as_ref().err().map(Reason::to_string),
            patch: draft.map_or(0, |draft| draft.original.len()),
        }
    }
}

impl Coverage {
    fn of(analysis: &Analysis) -> Self {
        let mut by_tactic: BTreeMap<&'static str, usize> =
            Tactic::ALL.into_iter().map(|tactic| (tactic.word(), 0)).collect();
        for draft in analysis.drafts() {
            *by_tactic.entry(draft.tactic.word()).or_default() += 1;
        }
        let sites = analysis.sites.len();
        let jumps = analysis.drafts().count();
        let left_alone = analysis.sites.iter().filter(|site| site.verdict == Err(Reason::SignalReturn)).count();
        let wanted = sites - left_alone;
        let percent = if wanted == 0 { 100.0 } else { jumps as f64 * 100.0 / wanted as f64 };
        Self { sites, jumps, left_alone, percent, by_tactic }
    }
}

impl Calls {
    fn of(analysis: &Analysis) -> Self {
        let mut calls = Self {
            unknown: 0,
            known: BTreeSet::new(),
            absent: BTreeSet::new(),
            partial: BTreeMap::new(),
            strange: BTreeSet::new(),
        };
        for site in &analysis.sites {
            let Some(number) = site.number else {
                calls.unknown += 1;
                continue;
            };
            let Some(row) = table::row(number.into()) else {
                calls.strange.insert(number);
                continue;
            };
            calls.known.insert(row.name);
            match row.level {
                Level::Full => {}
                Level::Partial(missing) => {
                    calls.partial.insert(row.name, missing);
                }
                Level::Absent => {
                    calls.absent.insert(row.name);
                }
            }
        }
        calls
    }
}

/// All of it in one line.
fn verdict(nature: &Nature, coverage: &Coverage, calls: &Calls) -> String {
    if nature.packed {
        return "packed: its system calls appear when it unpacks itself, and each is a trap".to_owned();
    }
    if coverage.sites == 0 && nature.interpreter.is_some() {
        return "no system call of its own: its libraries make them".to_owned();
    }
    let wanted = coverage.sites - coverage.left_alone;
    let left = if coverage.left_alone > 0 { ", the return from signals left aside" } else { "" };
    let jumps = format!("{} of {wanted} sites become jumps ({:.1} %){left}", coverage.jumps, coverage.percent);
    match calls.absent.len() {
        0 => format!("{jumps}; every call whose number is known is there"),
        1 => format!("{jumps}; 1 call that it may make is not there"),
        count => format!("{jumps}; {count} calls that it may make are not there"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, nature, coverage, calls, .. } = self;
        writeln!(f, "{program}: {}, {}", nature.architecture, nature.linkage.word())?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, value: &str| writeln!(f, "{name:<14}{value}");
        if let Some(interpreter) = &nature.interpreter {
            line(f, "interpreter", interpreter)?;
        }
        line(f, "C library", nature.libc.as_deref().unwrap_or("none known"))?;
        line(f, "runtime", nature.runtime.as_deref().unwrap_or("none known"))?;
        if nature.packed {
            line(f, "packed", "by UPX")?;
        }
        writeln!(f, "\nsites")?;
        for site in &self.sites {
            let call = site.call.map(str::to_owned).or(site.number.map(|number| number.to_string()));
            let what = site.tactic.map(str::to_owned).or(site.reason.clone()).unwrap_or_default();
            let how = if site.tactic.is_some() { what } else { format!("trap: {what}") };
            writeln!(f, "  {:#14x}  {:<24} {how}", site.address, call.as_deref().unwrap_or("-"))?;
        }
        writeln!(f, "\ncoverage")?;
        for tactic in Tactic::ALL {
            let count = coverage.by_tactic.get(tactic.word()).copied().unwrap_or_default();
            let percent = count as f64 * 100.0 / coverage.sites.max(1) as f64;
            writeln!(f, "  {:<12}{count:>6}  {percent:>5.1} %", tactic.word())?;
        }
        let traps = coverage.sites - coverage.jumps;
        writeln!(f, "  {:<12}{traps:>6}  {:>5.1} %", "trap", traps as f64 * 100.0 / coverage.sites.max(1) as f64)?;
        writeln!(
            f,
            "  {} byte pairs 0f 05, {} of them instructions, {} in bytes of which nothing is known",
            self.byte_pairs, coverage.sites, self.unproven
        )?;
        writeln!(f, "\ncalls")?;
        writeln!(f, "  {} known, {} sites with an unknown number", calls.known.len(), calls.unknown)?;
        for name in &calls.absent {
            writeln!(f, "  absent   {name}")?;
        }
        for (name, missing) in &calls.partial {
            writeln!(f, "  partial  {name}: {missing}")?;
        }
        for number in &calls.strange {
            writeln!(f, "  no call of Linux: {number}")?;
        }
        writeln!(f, "\n{}", self.verdict)
    }
}
