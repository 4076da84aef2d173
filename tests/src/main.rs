//! The test runner: host checks, then the same programs on this host and in the guest.
//!
//! `cargo run --release -p birgus-tests -- [--full] [FILTER]…`

#![forbid(unsafe_code)]

mod archives;
mod case;
mod cases;
mod doors;
mod expected_failures;
mod gdb;
mod guest;
mod host_checks;
mod machines;
mod options;
mod outcome;
mod process;
mod programs;
mod published;
mod raw_boot;
mod report;
mod rewritten;
mod workers;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

use expected_failures::ExpectedFailures;
use guest::Bench;
use machines::Machine;
use options::Options;
use report::Report;
use workspace::Workspace;

fn main() -> ExitCode {
    let options = Options::parse();
    process::settle();
    let workspace = Workspace::find();
    let report = Report::new();
    if options.host() {
        host_checks::run(&workspace, &options, &report);
    }
    if options.guest() {
        guest_tests(&workspace, &options, &report);
    }
    report.finish()
}

/// Builds what the guest tests need, then runs them. What does not build is a failure of its own.
fn guest_tests(workspace: &Workspace, options: &Options, report: &Report) {
    let built = if options.native { None } else { workspace.build(report) };
    let programs = programs::build(workspace, options, report);
    let launcher = match programs::launcher(workspace) {
        Ok(file) => file,
        Err(why) => return report.note("build/launcher", report::Verdict::Failed(why)),
    };
    let bench = Bench { workspace, built: built.as_ref(), programs: &programs, launcher: &launcher };
    let mut all = cases::of_programs(&programs);
    all.extend(cases::of_images());
    all.extend(cases::of_the_tool());
    all.extend(cases::of_doors());
    all.extend(cases::of_machines());
    let mut rewritten = rewritten::cases(&all, options.full);
    rewritten.retain(|case| options.wants(&case.name));
    let mut raw = raw_boot::cases();
    let mut doors = doors::cases();
    let mut published = published::cases();
    let names = all.iter().map(|case| case.name.as_str());
    let names = names.chain(raw.iter().map(|case| case.name.as_str()));
    let names = names.chain(doors.iter().map(|case| case.name.as_str()));
    let names = names.chain(published.iter().map(|case| case.name.as_str()));
    let expected = ExpectedFailures::read(workspace, names, report);
    let chosen = |name: &str, full: bool| options.wants(name) && (options.full || !full);
    all.retain(|case| chosen(&case.name, case.full));
    if options.cpus > 1 {
        all.iter_mut().for_each(|case| case.machine.cpus = options.cpus);
    }
    raw.retain(|case| chosen(&case.name, case.full));
    doors.retain(|case| chosen(&case.name, case.full));
    published.retain(|case| chosen(&case.name, case.full));
    if options.native {
        all.retain(|case| case.machine == Machine { cpus: options.cpus, ..machines::DEFAULT });
        report.stage("programs on this host", all.len());
        workers::each(&all, |case| report.note(&case.name, bench.try_natively(case).into()));
    } else if let Some(built) = &built {
        report.stage("rewritten programs on this host", rewritten.len());
        rewritten::run(&bench, &built.tool, &rewritten, report);
        report.stage("guest tests", all.len() + raw.len() + doors.len() + published.len());
        workers::each(&all, |case| expected.judge(&case.name, bench.try_case(case), report));
        workers::each(&raw, |case| expected.judge(&case.name, raw_boot::try_case(&bench, case), report));
        workers::each(&doors, |case| expected.judge(&case.name, doors::try_case(&bench, case), report));
        workers::each(&published, |case| expected.judge(&case.name, published::try_case(&bench, case), report));
    }
}
