//! Measures what Birgus costs and prints Markdown tables: see `benches/README.md`.

mod calls;
mod devices;
mod floor;
mod in_front_of_qemu;
mod instructions;
mod memory;
mod programs;
mod qemu_log;
mod report;
mod size;
mod start;
mod tool;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use programs::Programs;
use report::Table;
use tool::Tool;

/// What any measurement may end with.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Measures what Birgus costs, all under the same QEMU with the same options.
#[derive(Parser)]
#[command(name = "benches")]
struct Arguments {
    /// What to measure; everything when nothing is named
    what: Vec<Measurement>,

    /// Print JSON instead of Markdown
    #[arg(long)]
    json: bool,

    /// The tool to measure; without, the one in the folder of this program
    #[arg(long, value_name = "FILE")]
    birgus: Option<PathBuf>,

    /// How often each start is timed
    #[arg(long, value_name = "TIMES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// From the start to the first byte of output, beside the least that any kernel needs
    Start,
    /// Instructions from reset to main and to the first output
    Instructions,
    /// Accesses to devices from the kernel's entry to the first output
    Devices,
    /// The least memory that is enough for a small program
    Memory,
    /// Instructions of common system calls
    Calls,
    /// The kernel's size
    Size,
}

fn main() -> ExitCode {
    if let Some(error) = in_front_of_qemu::take_over() {
        eprintln!("benches: cannot hand over to QEMU: {error}");
        return ExitCode::FAILURE;
    }
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let programs = Programs::build()?;
    let tool = Tool::new(arguments.birgus.as_deref())?;
    let what = if arguments.what.is_empty() { Measurement::value_variants() } else { &arguments.what };
    let mut tables = Vec::new();
    for measurement in what {
        let measured: Vec<Table> = match measurement {
            Measurement::Start => start::measure(&tool, &programs, arguments.runs)?,
            Measurement::Instructions => instructions::measure(&tool, &programs)?,
            Measurement::Devices => devices::measure(&tool, &programs)?,
            Measurement::Memory => memory::measure(&tool, &programs)?,
            Measurement::Calls => calls::measure(&tool, &programs)?,
            Measurement::Size => size::measure(&tool, &programs)?,
        };
        if !arguments.json {
            measured.iter().for_each(|table| println!("{table}"));
        }
        tables.extend(measured);
    }
    let circumstances = report::circumstances()?;
    if arguments.json {
        let report = serde_json::json!({ "circumstances": circumstances, "tables": tables });
        println!("{report:#}");
    } else {
        println!("{circumstances}");
    }
    Ok(())
}
