//! Programs that `birgus rewrite` has rewritten, on this host: they must do what they did before.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::case::{Case, Expected, Program};
use crate::guest::Bench;
use crate::outcome::Stderr;
use crate::report::{Report, Verdict};
use crate::workers;
use crate::workspace::succeed;

/// What these cases' names begin with.
pub(crate) const PREFIX: &str = "rewritten/";

/// Programs that see what has been done to them, and how.
const OBSERVERS: [(&str, &str); 5] = [
    ("proc/oneself", "Linux takes the last segment for its data (fields 45 and 46 of /proc/self/stat)"),
    ("rewriting/interrupted", "on plain Linux nothing hides a trampoline from a signal's handler"),
    ("rewriting/middle", "on plain Linux nothing leads from the middle of a patch to its twin"),
    ("ring0/flags", "it counts single steps, through trampolines too"),
    ("start/auxv", "AT_EXECFN names the rewritten file"),
];

/// The programs of these cases, each of which runs as on this host; with `full` those too that are left for it.
pub(crate) fn cases(all: &[Case], full: bool) -> Vec<Case> {
    let ours = all.iter().filter(|case| match (&case.program, &case.expected) {
        (Program::Recipe(_) | Program::Compiled(_), Expected::AsOnThisHost) => {
            // What the guest alone says is no word of this host's.
            (full || !case.full) && !matches!(case.stderr, Stderr::Like(_))
        }
        _ => false,
    });
    let mut cases: Vec<Case> =
        ours.map(|case| Case { name: format!("{PREFIX}{}", case.name), ..case.clone() }).collect();
    // What is about a machine, or about how the guest does it, is the same program again.
    cases.retain(|case| case.machine == crate::machines::DEFAULT && !case.name.ends_with(crate::cases::BY_TRAPS));
    cases
}

/// Rewrites the cases' programs and runs each as it was and as it is.
pub(crate) fn run(bench: &Bench<'_>, tool: &Path, cases: &[Case], report: &Report) {
    let folder = bench.workspace.target.join("rewritten-programs");
    let mut programs: BTreeMap<PathBuf, Result<PathBuf, Verdict>> = BTreeMap::new();
    for case in cases {
        let Ok(file) = bench.file(&case.program) else { continue };
        if !programs.contains_key(&file) {
            report.doing(&format!("rewriting {}", file.display()));
            let rewritten = rewrite(tool, &file, &folder.join(programs.len().to_string()));
            programs.insert(file, rewritten);
        }
    }
    workers::each(cases, |case| report.note(&case.name, verdict(bench, case, &programs)));
    // Copies of large programs are not worth keeping.
    let _ = fs::remove_dir_all(folder);
}

fn verdict(bench: &Bench<'_>, case: &Case, programs: &BTreeMap<PathBuf, Result<PathBuf, Verdict>>) -> Verdict {
    let observer = OBSERVERS.iter().find(|(name, _)| case.name.strip_prefix(PREFIX) == Some(name));
    if let Some((_, how)) = observer {
        return Verdict::Skipped((*how).to_owned());
    }
    let file = match bench.file(&case.program) {
        Ok(file) => file,
        // A recipe that cannot be fetched here.
        Err(why) => return Verdict::Skipped(why),
    };
    match programs.get(&file) {
        Some(Ok(rewritten)) => bench.try_rewritten(case, rewritten).into(),
        Some(Err(verdict)) => verdict.clone(),
        None => Verdict::Failed("was not rewritten".to_owned()),
    }
}

/// Rewrites a program into a folder of its own, under its own name.
fn rewrite(tool: &Path, file: &Path, folder: &Path) -> Result<PathBuf, Verdict> {
    let output = folder.join(file.file_name().expect("a program has a name"));
    fs::create_dir_all(folder).map_err(|error| Verdict::Failed(format!("{}: {error}", folder.display())))?;
    let outcome = succeed(Command::new(tool).arg("rewrite").arg(file).arg("-o").arg(&output)).map_err(|why| {
        // A program without a system call of its own is as it was.
        if why.contains("no system call site") {
            Verdict::Skipped("it has no site".to_owned())
        } else {
            Verdict::Failed(why)
        }
    })?;
    drop(outcome);
    Ok(output)
}
