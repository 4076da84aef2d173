//! `/proc/PID/oom_score`, `oom_score_adj` and the old `oom_adj`.

use super::process::oom_adjustment;
use super::subject::Subject;
use super::{put, written_number};
use crate::errno::{Errno, Result};
use crate::machine::machine;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use linux_raw_sys::general::CAP_SYS_RESOURCE;

/// `OOM_SCORE_ADJ_MAX`.
const HIGHEST: i32 = 1000;
/// `OOM_DISABLE` and `OOM_ADJUST_MAX` of the old scale.
const OLD_DISABLED: i32 = -17;
const OLD_HIGHEST: i32 = 15;

/// `oom_score`: Linux's scale, on which a process that has all memory and no adjustment is at 1333.
pub(super) fn score(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let adjustment = i64::from(oom_adjustment(subject)?);
    let resident = subject.process()?.memory().resident(0, u64::MAX).resident as i64;
    let all = (machine().frames().0 as i64).max(1);
    let points = resident + adjustment * (all / 1000);
    let score = if adjustment == -1000 { 0 } else { (1000 + points * 1000 / all) * 2 / 3 };
    put(to, format_args!("{}\n", score.max(0)));
    Ok(())
}

/// `oom_score_adj`.
pub(super) fn adjustment(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    put(to, format_args!("{}\n", oom_adjustment(subject)?));
    Ok(())
}

/// Sets `oom_score_adj`. `EINVAL`, `EACCES` for less than before without the capability.
pub(super) fn set_adjustment(subject: &Subject, bytes: &[u8]) -> Result<()> {
    let wanted = i32::try_from(written_number(bytes)?).map_err(|_| Errno::EINVAL)?;
    if !(-HIGHEST..=HIGHEST).contains(&wanted) {
        return Err(Errno::EINVAL);
    }
    set(subject, wanted)
}

fn set(subject: &Subject, wanted: i32) -> Result<()> {
    let process = subject.process()?;
    let may_lower = machine().current().process.credentials().has(CAP_SYS_RESOURCE);
    if wanted < oom_adjustment(subject)? && !may_lower {
        return Err(Errno::EACCES);
    }
    process.oom_adjustment.store(wanted, Ordering::Relaxed);
    Ok(())
}

/// `oom_adj`.
pub(super) fn old_adjustment(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let adjustment = oom_adjustment(subject)?;
    let old = if adjustment == HIGHEST { OLD_HIGHEST } else { adjustment * -OLD_DISABLED / HIGHEST };
    put(to, format_args!("{old}\n"));
    Ok(())
}

/// Sets `oom_adj`. As [`set_adjustment`].
pub(super) fn set_old_adjustment(subject: &Subject, bytes: &[u8]) -> Result<()> {
    let old = i32::try_from(written_number(bytes)?).map_err(|_| Errno::EINVAL)?;
    if !(OLD_DISABLED..=OLD_HIGHEST).contains(&old) {
        return Err(Errno::EINVAL);
    }
    set(subject, if old == OLD_HIGHEST { HIGHEST } else { old * HIGHEST / -OLD_DISABLED })
}
