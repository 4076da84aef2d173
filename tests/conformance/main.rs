//! Runs the Linux Test Project's system call tests, built static by somebody else, in Birgus' machines and keeps a table
//! of how each ends beside how it ends on Linux.
//!
//! `cargo run --release -p birgus-tests --bin birgus-conformance -- LTP-FOLDER [FILTER]…`

#![forbid(unsafe_code)]

mod batch;
mod judgement;
mod root;
mod suite;
mod table;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

use clap::Parser;

use suite::Entry;
use table::Table;

/// Runs the Linux Test Project's system call tests in the guest and compares with what they do on Linux.
#[derive(Debug, Parser)]
#[command(name = "birgus-conformance")]
struct Options {
    /// The Linux Test Project's source folder with its system call tests built: it holds `runtest/syscalls` and
    /// `testcases/kernel/syscalls`
    ltp: PathBuf,

    /// Leave out what takes more than a second on Linux
    #[arg(long)]
    quick: bool,

    /// Machines at a time
    #[arg(long, default_value_t = 1)]
    jobs: usize,

    /// Tests in one machine
    #[arg(long, default_value_t = 40)]
    batch: usize,

    /// The tool [default: the one beside this program]
    #[arg(long)]
    tool: Option<PathBuf>,

    /// Keep what each test prints in this folder, a file each
    #[arg(long)]
    logs: Option<PathBuf>,

    /// Only tests or areas of one of these names; a word with a `%` at its end is the beginning of a name
    filters: Vec<String>,
}

impl Options {
    fn wants(&self, entry: &Entry) -> bool {
        let named = |word: &String| match word.strip_suffix('%') {
            Some(beginning) => entry.name.starts_with(beginning) || entry.area.starts_with(beginning),
            None => entry.name == *word || entry.area == *word,
        };
        !(self.quick && entry.native.milliseconds > 1000) && (self.filters.is_empty() || self.filters.iter().any(named))
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("birgus-conformance: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let mut table = Table::read(&here.join("results.tsv"))?;
    let mut entries = suite::entries(&options.ltp, &here.join("native.tsv"))?;
    let goal = entries.len();
    entries.retain(|entry| options.wants(entry));
    let programs = root::Programs::find(&options.ltp)?;
    let tool = match &options.tool {
        Some(tool) => tool.clone(),
        None => std::env::current_exe().map_err(|error| error.to_string())?.with_file_name("birgus"),
    };
    let init = root::build_init(&here.join("init.c"))?;
    let runner = batch::Runner { tool: &tool, init: init.path(), programs: &programs, logs: options.logs.as_deref() };
    let batches = entries.chunks(options.batch.max(1)).map(<[Entry]>::to_vec);
    let batches: Mutex<VecDeque<Vec<Entry>>> = Mutex::new(batches.collect());
    let results = Mutex::new(&mut table);
    let errors = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = batches.lock().expect("nobody panics").pop_front();
                    let Some(batch) = next else { return };
                    let outcome = runner.run(&batch, &mut |entry, run| {
                        let row = judgement::judge(entry, &run);
                        println!("{row}");
                        results.lock().expect("nobody panics").put(row);
                    });
                    if let Err(why) = outcome {
                        errors.lock().expect("nobody panics").push(why);
                        return;
                    }
                }
            });
        }
    });
    table.write(&here.join("results.tsv"))?;
    table.summarise(goal);
    match errors.into_inner().expect("nobody panics").into_iter().next() {
        Some(why) => Err(why),
        None => Ok(()),
    }
}
