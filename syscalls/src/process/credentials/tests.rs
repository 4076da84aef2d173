use super::users::*;
use super::{ALL_CAPABILITIES, Credentials, groups};
use crate::errno::Errno;
use crate::machine::host::{test_process, user_bytes, user_pages};
use crate::process::capabilities::{self, CapabilityData, CapabilityHeader};
use crate::thread::Thread;
use crate::user::UserPtr;
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

const NONE: u32 = u32::MAX;

fn who(thread: &Thread) -> Arc<Credentials> {
    thread.process.credentials()
}

fn users(thread: &Thread) -> [u32; 4] {
    let user = who(thread).user;
    [user.real, user.effective, user.saved, user.file]
}

#[test]
fn the_super_user_who_leaves_does_not_come_back() {
    let thread = test_process();
    assert_eq!(setuid(&thread, NONE), Err(Errno::EINVAL));
    setuid(&thread, 1000).unwrap();
    assert_eq!(users(&thread), [1000; 4]);
    assert_eq!((who(&thread).capabilities, who(&thread).privileges.permitted), (0, 0));
    assert_eq!(setuid(&thread, 0), Err(Errno::EPERM));
    assert_eq!(setgid(&thread, 5), Err(Errno::EPERM));
    setuid(&thread, 1000).unwrap();
    assert!(!thread.process.attributes.is_dumpable());
}

#[test]
fn an_effective_user_comes_and_goes() {
    let thread = test_process();
    setresuid(&thread, NONE, 1000, NONE).unwrap();
    assert_eq!(users(&thread), [0, 1000, 0, 1000]);
    assert_eq!((who(&thread).capabilities, who(&thread).privileges.permitted), (0, ALL_CAPABILITIES));
    assert_eq!(setresuid(&thread, 7, NONE, NONE), Err(Errno::EPERM));
    setresuid(&thread, NONE, 0, NONE).unwrap();
    assert_eq!(who(&thread).capabilities, ALL_CAPABILITIES);
}

#[test]
fn setreuid_sets_the_saved_user() {
    let thread = test_process();
    setreuid(&thread, NONE, 1000).unwrap();
    assert_eq!(users(&thread), [0, 1000, 1000, 1000]);
    setreuid(&thread, 1000, 0).unwrap();
    assert_eq!(users(&thread), [1000, 0, 0, 0]);
    setreuid(&thread, NONE, NONE).unwrap();
    assert_eq!(users(&thread), [1000, 0, 0, 0]);
}

#[test]
fn setreuid_of_an_ordinary_user_swaps() {
    let thread = test_process();
    setresuid(&thread, 1, 2, 3).unwrap();
    assert_eq!(setreuid(&thread, 3, NONE), Err(Errno::EPERM));
    assert_eq!(setreuid(&thread, NONE, 4), Err(Errno::EPERM));
    setreuid(&thread, 2, 1).unwrap();
    assert_eq!(users(&thread), [2, 1, 1, 1]);
}

#[test]
fn the_user_for_files_takes_their_capabilities_along() {
    let thread = test_process();
    assert_eq!(setfsuid(&thread, 1000), Ok(0));
    assert_eq!(users(&thread), [0, 0, 0, 1000]);
    assert!(!who(&thread).has(raw::CAP_DAC_OVERRIDE) && who(&thread).has(raw::CAP_SETUID));
    assert_eq!(setfsuid(&thread, NONE), Ok(1000));
    assert_eq!(setfsuid(&thread, 0), Ok(1000));
    assert!(who(&thread).has(raw::CAP_DAC_OVERRIDE));
    setuid(&thread, 5).unwrap();
    assert_eq!(setfsuid(&thread, 6), Ok(5));
    assert_eq!(setfsuid(&thread, 5), Ok(5));
}

#[test]
fn kept_capabilities_are_permitted_and_not_effective() {
    let thread = test_process();
    capabilities::keep(&thread, 1).unwrap();
    setuid(&thread, 1000).unwrap();
    assert_eq!((who(&thread).capabilities, who(&thread).privileges.permitted), (0, ALL_CAPABILITIES));
}

#[test]
fn groups_are_kept_in_order() {
    let thread = test_process();
    let list = UserPtr::<u32>::new(user_bytes(&[9, 0, 0, 0, 4, 0, 0, 0]));
    groups::setgroups(&thread, 2, list).unwrap();
    assert_eq!(groups::getgroups(&thread, 0, UserPtr::new(0)), Ok(2));
    assert_eq!(groups::getgroups(&thread, 1, list), Err(Errno::EINVAL));
    assert_eq!(groups::getgroups(&thread, -1, list), Err(Errno::EINVAL));
    assert_eq!(groups::getgroups(&thread, 2, list), Ok(2));
    assert_eq!(list.read_array(&thread, 2).unwrap(), [4, 9]);
    assert_eq!(groups::setgroups(&thread, 65537, list), Err(Errno::EINVAL));
    assert_eq!(groups::setgroups(&thread, 1, UserPtr::new(8)), Err(Errno::EFAULT));
    groups::setgroups(&thread, 0, UserPtr::new(8)).unwrap();
    setuid(&thread, 1).unwrap();
    assert_eq!(groups::setgroups(&thread, 65537, list), Err(Errno::EPERM));
}

#[test]
fn capabilities_can_only_shrink() {
    let thread = test_process();
    let address = user_pages(1);
    let header = UserPtr::<CapabilityHeader>::new(address);
    let data = UserPtr::<CapabilityData>::new(address + 64);
    let version = |version| header.write(&thread, &CapabilityHeader { version, thread: 0 }).unwrap();
    version(7);
    assert_eq!(capabilities::capget(&thread, header, data), Err(Errno::EINVAL));
    assert_eq!(header.read(&thread).unwrap().version, raw::_LINUX_CAPABILITY_VERSION_3);
    version(7);
    assert_eq!(capabilities::capget(&thread, header, UserPtr::new(0)), Ok(()));
    version(raw::_LINUX_CAPABILITY_VERSION_3);
    capabilities::capget(&thread, header, data).unwrap();
    let high = data.element(1).read(&thread).unwrap();
    assert_eq!(high, CapabilityData { effective: 0x1ff, permitted: 0x1ff, inheritable: 0 });
    // The first version has 32 capabilities: the others go.
    version(raw::_LINUX_CAPABILITY_VERSION_1);
    data.write(&thread, &CapabilityData { effective: 1, permitted: 3, inheritable: 2 }).unwrap();
    capabilities::capset(&thread, header, data).unwrap();
    assert_eq!((who(&thread).capabilities, who(&thread).privileges.permitted), (1, 3));
    data.write(&thread, &CapabilityData { effective: 4, permitted: 7, inheritable: 0 }).unwrap();
    assert_eq!(capabilities::capset(&thread, header, data), Err(Errno::EPERM));
    data.write(&thread, &CapabilityData { effective: 2, permitted: 1, inheritable: 0 }).unwrap();
    assert_eq!(capabilities::capset(&thread, header, data), Err(Errno::EPERM));
    header.write(&thread, &CapabilityHeader { version: raw::_LINUX_CAPABILITY_VERSION_3, thread: 1 }).unwrap();
    assert_eq!(capabilities::capset(&thread, header, data), Err(Errno::EPERM));
}

#[test]
fn ambient_capabilities_are_permitted_and_inheritable() {
    let thread = test_process();
    let ambient = |what, capability| capabilities::ambient(&thread, what, [capability, 0, 0]);
    assert_eq!(ambient(2, 5), Err(Errno::EPERM));
    super::change(&thread, |who| {
        who.privileges.inheritable = 1 << 5;
        Ok(())
    })
    .unwrap();
    assert_eq!((ambient(2, 5), ambient(1, 5), ambient(1, 6)), (Ok(0), Ok(1), Ok(0)));
    assert_eq!((ambient(3, 5), ambient(1, 5)), (Ok(0), Ok(0)));
    assert_eq!(
        (ambient(2, 41), ambient(9, 1), ambient(4, 1)),
        (Err(Errno::EINVAL), Err(Errno::EINVAL), Err(Errno::EINVAL))
    );
}

#[test]
fn locked_secure_bits_stay() {
    let thread = test_process();
    assert_eq!(capabilities::set_secure_bits(&thread, 0x100), Err(Errno::EPERM));
    assert_eq!(capabilities::set_secure_bits(&thread, 0x30), Ok(0));
    assert_eq!(capabilities::keep(&thread, 0), Err(Errno::EPERM));
    assert_eq!(capabilities::set_secure_bits(&thread, 0), Err(Errno::EPERM));
    assert_eq!(capabilities::drop_bounding(&thread, 41), Err(Errno::EINVAL));
    assert_eq!((capabilities::drop_bounding(&thread, 3), capabilities::bounding(&thread, 3)), (Ok(0), Ok(0)));
}
