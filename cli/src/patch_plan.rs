//! The plan by which a program's system calls become jumps: made once for a file, then taken from the cache.
//!
//! A plan is found again by what the host says of the file, not by its content, which would have to be read whole. One
//! that does not fit does no harm: the machine compares each byte before it changes it.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process;

use birgus_rewriter::elf;
use birgus_rewriter::{Plan, analysis};

use crate::cache;

/// So many plans are kept.
const KEPT: usize = 256;

/// The plan for a program, if any of its calls can become a jump.
pub(crate) fn of(program: &File) -> Option<Vec<u8>> {
    let place = place(program);
    if let Some(plan) = place.as_deref().and_then(read) {
        return (!plan.is_empty()).then_some(plan);
    }
    let plan = make(program).unwrap_or_default();
    if let Some(place) = place {
        keep(&place, &plan);
    }
    (!plan.is_empty()).then_some(plan)
}

fn make(program: &File) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(program.metadata().ok()?.len()).ok()?];
    program.read_exact_at(&mut bytes, 0).ok()?;
    let program = elf::File::parse(&bytes).ok()?.program().ok()?;
    analysis::analyse(&program).plan()
}

/// Where the cache has the plan for a file. A file without a place on a disk has none.
fn place(program: &File) -> Option<PathBuf> {
    let facts = program.metadata().ok().filter(|facts| facts.nlink() > 0)?;
    let changed = (facts.ctime(), facts.ctime_nsec());
    let name = format!(
        "{:x}-{:x}-{:x}-{:x}.{:x}-{}",
        facts.dev(),
        facts.ino(),
        facts.len(),
        changed.0,
        changed.1,
        env!("BIRGUS_ANALYSIS")
    );
    Some(cache::folder()?.join("plans").join(name))
}

/// A plan from the cache; empty: nothing can be rewritten.
fn read(place: &Path) -> Option<Vec<u8>> {
    let mut plan = Vec::new();
    File::open(place).ok()?.read_to_end(&mut plan).ok()?;
    (plan.is_empty() || Plan::parse(&plan).is_ok()).then_some(plan)
}

/// Keeps a plan. As with the cache's facts, nothing is said where that fails.
fn keep(place: &Path, plan: &[u8]) {
    let Some(folder) = place.parent() else { return };
    let unfinished = folder.join(format!(".{}", process::id()));
    let kept = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&unfinished, plan))
        .and_then(|()| fs::rename(&unfinished, place));
    if kept.is_err() {
        let _ = fs::remove_file(&unfinished);
        return;
    }
    forget_old_ones(folder);
}

fn forget_old_ones(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let dated = |entry: fs::DirEntry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()));
    let mut all: Vec<_> = entries.flatten().filter_map(dated).collect();
    all.sort();
    let old = all.len().saturating_sub(KEPT);
    for (_, path) in &all[..old] {
        let _ = fs::remove_file(path);
    }
}
