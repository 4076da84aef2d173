//! From the start to the first byte of output.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::in_front_of_qemu::{self, Wishes};
use crate::programs::Programs;
use crate::report::{Cell, Table};
use crate::tool::{Run, Tool};
use crate::{Result, floor};

/// The most that the tool's start may be of the floor's.
const WANTED_RATIO: f64 = 2.0;

/// Times floor and static hello in turns, so that both see the same noise.
pub(crate) fn measure(tool: &Tool, programs: &Programs, runs: u32) -> Result<Vec<Table>> {
    let folder = &programs.path("");
    let hello = programs.path("hello");
    let (mut floors, mut machines, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    // One of each goes ahead that is not counted: the files are then in the host's memory.
    for run in 0..=runs {
        let (of_tool, notes) = tool.run(&[hello.as_os_str()], folder, Wishes::default())?;
        let of_tool = of_tool.expect("hello", Some("hello\n"))?;
        let first_byte = of_tool.first_byte.ok_or("hello printed nothing")?;
        let machine = first_byte.saturating_sub(notes.time()?);
        let words = floor::words(&notes.words()?, &programs.path("floor"))?;
        let of_floor = time_floor(folder, &words)?;
        if run > 0 {
            commands.push(first_byte.saturating_sub(of_tool.started));
            machines.push(machine);
            floors.push(of_floor);
        }
    }
    let mut table = Table::new(
        format!("Start to first byte, in milliseconds, {runs} runs of each in turns"),
        &["what", "median", "min", "max", "ratio of medians to the floor", "wanted"],
    );
    let floor_median = median(&mut floors);
    let wanted = Cell::from(format!("≤ {WANTED_RATIO}"));
    for (name, times, wanted) in [
        ("floor: QEMU's start to its letter", &mut floors, Cell::Missing),
        ("static hello: QEMU's start to first byte", &mut machines, wanted.clone()),
        ("static hello: start of `birgus run` to first byte", &mut commands, wanted),
    ] {
        let middle = median(times);
        let ratio = Cell::Ratio(middle.as_secs_f64() / floor_median.as_secs_f64());
        let (min, max) = (times.first().copied(), times.last().copied());
        table.row([name.into(), middle.into(), min.into(), max.into(), ratio, wanted]);
    }
    Ok(vec![table])
}

/// One start of the floor's machine, by the same way to QEMU that the tool goes.
fn time_floor(folder: &Path, words: &[impl AsRef<OsStr>]) -> Result<Duration> {
    let mut command = Command::new(std::env::current_exe()?);
    let notes = in_front_of_qemu::prepare(&mut command, folder, Wishes::default())?;
    let run = Run::of(command.args(words))?.expect("the floor", Some("F"))?;
    Ok(run.first_byte.ok_or("the floor printed nothing")?.saturating_sub(notes.time()?))
}

/// The middle of the times, or the mean of the two in the middle. Sorts them.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let middle = times.len() / 2;
    if times.len().is_multiple_of(2) { (times[middle - 1] + times[middle]) / 2 } else { times[middle] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let times = |list: &[u64]| list.iter().copied().map(Duration::from_millis).collect::<Vec<_>>();
        assert_eq!(median(&mut times(&[9, 1, 2])), Duration::from_millis(2));
        assert_eq!(median(&mut times(&[9, 1, 2, 4])), Duration::from_millis(3));
    }
}
