//! Capabilities, `capabilities(7)`: `capget(2)`, `capset(2)` and what `prctl(2)` does with the bounding set, the
//! ambient set and the secure bits.

use super::credentials::{ALL_CAPABILITIES, Credentials, change};
use super::registry;
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::user::UserPtr;
use linux_raw_sys::general as raw;
use linux_raw_sys::prctl as operation;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct __user_cap_header_struct`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CapabilityHeader {
    /// `_LINUX_CAPABILITY_VERSION_*`.
    pub version: u32,
    /// The thread; 0 for the caller.
    pub thread: i32,
}

/// `struct __user_cap_data_struct`: 32 capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CapabilityData {
    /// What counts.
    pub effective: u32,
    /// What may be made effective.
    pub permitted: u32,
    /// What survives `execve(2)`.
    pub inheritable: u32,
}

/// `SECBIT_KEEP_CAPS` and its lock, `SECBIT_NO_CAP_AMBIENT_RAISE` (`<linux/securebits.h>`).
const KEEP_CAPABILITIES: u32 = 1 << 4;
const KEEP_CAPABILITIES_LOCKED: u32 = 1 << 5;
const NO_AMBIENT_RAISE: u32 = 1 << 6;
/// All secure bits, and their locks, each one place above its bit.
const SECURE_BITS: u32 = 0x55;
const SECURE_LOCKS: u32 = 0xaa;

/// How many [`CapabilityData`] the header's version has. `EINVAL`, with the version that would do written to the
/// header.
fn pieces(thread: &Thread, header: UserPtr<CapabilityHeader>) -> Result<usize> {
    let version = header.cast::<u32>();
    match version.read(thread)? {
        raw::_LINUX_CAPABILITY_VERSION_1 => Ok(1),
        raw::_LINUX_CAPABILITY_VERSION_2 | raw::_LINUX_CAPABILITY_VERSION_3 => Ok(2),
        _ => {
            version.write(thread, &raw::_LINUX_CAPABILITY_VERSION_3)?;
            Err(Errno::EINVAL)
        }
    }
}

/// `capget(2)`.
pub fn capget(thread: &Thread, header: UserPtr<CapabilityHeader>, data: UserPtr<CapabilityData>) -> Result<()> {
    let pieces = pieces(thread, header);
    if data.is_null() {
        // Only asked for the version.
        return if pieces == Err(Errno::EINVAL) { Ok(()) } else { pieces.map(|_| ()) };
    }
    let pieces = pieces?;
    let who = match header.read(thread)?.thread {
        ..0 => return Err(Errno::EINVAL),
        0 => thread.process.credentials(),
        id => registry::thread(id).ok_or(Errno::ESRCH)?.process.credentials(),
    };
    let half = |shift: u32| CapabilityData {
        effective: (who.capabilities >> shift) as u32,
        permitted: (who.privileges.permitted >> shift) as u32,
        inheritable: (who.privileges.inheritable >> shift) as u32,
    };
    data.write_array(thread, [half(0), half(32)].get(..pieces).unwrap_or_default())
}

/// `capset(2)`.
pub fn capset(thread: &Thread, header: UserPtr<CapabilityHeader>, data: UserPtr<CapabilityData>) -> Result<()> {
    let pieces = pieces(thread, header)?;
    let id = header.read(thread)?.thread;
    if id != 0 && id != thread.id() {
        return Err(Errno::EPERM);
    }
    let mut halves = [CapabilityData::default(); 2];
    for (index, half) in halves.iter_mut().enumerate().take(pieces) {
        *half = data.element(index).read(thread)?;
    }
    let whole = |part: fn(&CapabilityData) -> u32| {
        (u64::from(part(&halves[0])) | u64::from(part(&halves[1])) << 32) & ALL_CAPABILITIES
    };
    let effective = whole(|half| half.effective);
    let permitted = whole(|half| half.permitted);
    let inheritable = whole(|half| half.inheritable);
    change(thread, |who| who.set_capabilities(effective, permitted, inheritable))
}

impl Credentials {
    /// `EPERM` for what would be more than there may be.
    fn set_capabilities(&mut self, effective: u64, permitted: u64, inheritable: u64) -> Result<()> {
        let may_inherit_any = self.has(raw::CAP_SETPCAP);
        let sets = &mut self.privileges;
        let exceeds = |part: u64, whole: u64| part & !whole != 0;
        if !may_inherit_any && exceeds(inheritable, sets.inheritable | sets.permitted)
            || exceeds(inheritable, sets.inheritable | sets.bounding)
            || exceeds(permitted, sets.permitted)
            || exceeds(effective, permitted)
        {
            return Err(Errno::EPERM);
        }
        sets.permitted = permitted;
        sets.inheritable = inheritable;
        sets.ambient &= permitted & inheritable;
        self.capabilities = effective;
        Ok(())
    }
}

/// The bit of a capability's number. `EINVAL` for one that is none.
fn bit(capability: u64) -> Result<u64> {
    let last = u64::from(raw::CAP_LAST_CAP);
    if capability > last { Err(Errno::EINVAL) } else { Ok(1 << capability) }
}

/// `PR_CAPBSET_READ`.
pub(super) fn bounding(thread: &Thread, capability: u64) -> Result<i64> {
    let bit = bit(capability)?;
    Ok(i64::from(thread.process.credentials().privileges.bounding & bit != 0))
}

/// `PR_CAPBSET_DROP`.
pub(super) fn drop_bounding(thread: &Thread, capability: u64) -> Result<i64> {
    change(thread, |who| {
        if !who.has(raw::CAP_SETPCAP) {
            return Err(Errno::EPERM);
        }
        who.privileges.bounding &= !bit(capability)?;
        Ok(0)
    })
}

/// `PR_CAP_AMBIENT`.
pub(super) fn ambient(thread: &Thread, what: u64, [capability, second, third]: [u64; 3]) -> Result<i64> {
    if what == u64::from(operation::PR_CAP_AMBIENT_CLEAR_ALL) {
        if capability | second | third != 0 {
            return Err(Errno::EINVAL);
        }
        return change(thread, |who| {
            who.privileges.ambient = 0;
            Ok(0)
        });
    }
    let bit = bit(capability)?;
    if second | third != 0 {
        return Err(Errno::EINVAL);
    }
    change(thread, |who| {
        let sets = &mut who.privileges;
        match u32::try_from(what) {
            Ok(operation::PR_CAP_AMBIENT_IS_SET) => return Ok(i64::from(sets.ambient & bit != 0)),
            Ok(operation::PR_CAP_AMBIENT_RAISE) => {
                if sets.permitted & sets.inheritable & bit == 0 || sets.secure_bits & NO_AMBIENT_RAISE != 0 {
                    return Err(Errno::EPERM);
                }
                sets.ambient |= bit;
            }
            Ok(operation::PR_CAP_AMBIENT_LOWER) => sets.ambient &= !bit,
            _ => return Err(Errno::EINVAL),
        }
        Ok(0)
    })
}

/// `PR_GET_KEEPCAPS`.
pub(super) fn keeps(thread: &Thread) -> bool {
    thread.process.credentials().privileges.secure_bits & KEEP_CAPABILITIES != 0
}

/// `PR_SET_KEEPCAPS`.
pub(super) fn keep(thread: &Thread, keep: u64) -> Result<i64> {
    if keep > 1 {
        return Err(Errno::EINVAL);
    }
    change(thread, |who| {
        let bits = &mut who.privileges.secure_bits;
        if *bits & KEEP_CAPABILITIES_LOCKED != 0 {
            return Err(Errno::EPERM);
        }
        *bits = *bits & !KEEP_CAPABILITIES | if keep == 1 { KEEP_CAPABILITIES } else { 0 };
        Ok(0)
    })
}

/// `PR_SET_SECUREBITS`. All that is not allowed is `EPERM`, unknown bits too.
pub(super) fn set_secure_bits(thread: &Thread, wanted: u64) -> Result<i64> {
    let wanted = u32::try_from(wanted).map_err(|_| Errno::EPERM)?;
    change(thread, |who| {
        let present = who.privileges.secure_bits;
        let locked = (present & SECURE_LOCKS) >> 1;
        if locked & (present ^ wanted) != 0
            || present & SECURE_LOCKS & !wanted != 0
            || wanted & !(SECURE_BITS | SECURE_LOCKS) != 0
            || !who.has(raw::CAP_SETPCAP)
        {
            return Err(Errno::EPERM);
        }
        who.privileges.secure_bits = wanted;
        Ok(0)
    })
}
