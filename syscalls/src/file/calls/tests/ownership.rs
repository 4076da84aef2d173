//! Owners, modes, times.

use super::*;
use crate::process::{Credentials, Identity};

/// Makes the process an ordinary user of some groups.
fn become_user(thread: &Thread, user: u32, groups: &[u32]) {
    let all = |id| Identity { real: id, effective: id, saved: id, file: id };
    let credentials = Credentials {
        user: all(user),
        group: all(user),
        groups: groups.into(),
        capabilities: 0,
        ..(*Credentials::root()).clone()
    };
    thread.process.set_credentials(Arc::new(credentials));
}

fn chmod(thread: &Thread, path: &str, mode: u16) -> Result<()> {
    attributes::chmod(thread, string(path), mode)
}

fn mode(thread: &Thread, path: &str) -> u32 {
    stat(thread, path).unwrap().mode & 0o7777
}

#[test]
fn modes_hold_for_those_who_are_not_root() {
    let thread = thread();
    create(&thread, "f", b"x");
    names::mkdir(&thread, string("d"), 0o755).unwrap();
    create(&thread, "d/f", b"x");
    chmod(&thread, "d", 0o700).unwrap();
    chmod(&thread, "f", 0o604).unwrap();
    assert_eq!(status::access(&thread, string("f"), 1), Err(Errno::EACCES));
    assert_eq!(status::access(&thread, string("f"), 6), Ok(()));
    become_user(&thread, 7, &[0]);
    // The group's digit counts for its members, not the others'.
    assert_eq!(open(&thread, "f", OpenFlags::empty()), Err(Errno::EACCES));
    become_user(&thread, 7, &[]);
    assert!(open(&thread, "f", OpenFlags::empty()).is_ok());
    assert_eq!(open(&thread, "f", OpenFlags::O_RDWR), Err(Errno::EACCES));
    assert_eq!(open(&thread, "f", OpenFlags::O_TRUNC), Err(Errno::EACCES));
    assert_eq!(open(&thread, "d/f", OpenFlags::empty()), Err(Errno::EACCES));
    assert_eq!(open(&thread, "new", OpenFlags::O_CREAT), Err(Errno::EACCES));
    assert_eq!(names::unlink(&thread, string("f")), Err(Errno::EACCES));
    assert_eq!(chmod(&thread, "f", 0o777), Err(Errno::EPERM));
    assert_eq!(attributes::chown(&thread, string("f"), 7, 7), Err(Errno::EPERM));
    assert_eq!(place::chdir(&thread, string("d")), Err(Errno::EACCES));
    assert_eq!(place::chroot(&thread, string("/")), Err(Errno::EPERM));
    assert_eq!(names::mknod(&thread, string("n"), 0o020666, 0), Err(Errno::EPERM));
    assert_eq!(status::access(&thread, string("f"), 4), Ok(()));
    assert_eq!(status::access(&thread, string("f"), 2), Err(Errno::EACCES));
    assert_eq!(status::access(&thread, string("f"), 8), Err(Errno::EINVAL));
}

#[test]
fn a_sticky_directory_protects_its_entries() {
    let thread = thread();
    names::mkdir(&thread, string("t"), 0o777).unwrap();
    chmod(&thread, "t", 0o1777).unwrap();
    create(&thread, "t/roots", b"");
    become_user(&thread, 7, &[]);
    create(&thread, "t/mine", b"");
    assert_eq!(names::unlink(&thread, string("t/roots")), Err(Errno::EPERM));
    assert_eq!(names::rename(&thread, string("t/mine"), string("t/roots")), Err(Errno::EPERM));
    assert_eq!(names::rename(&thread, string("t/mine"), string("t/other")), Ok(()));
    assert_eq!(names::unlink(&thread, string("t/other")), Ok(()));
}

#[test]
fn a_set_group_id_directory_hands_its_group_down() {
    let thread = thread();
    names::mkdir(&thread, string("d"), 0o777).unwrap();
    attributes::chown(&thread, string("d"), u32::MAX, 50).unwrap();
    chmod(&thread, "d", 0o2777).unwrap();
    names::mkdir(&thread, string("d/e"), 0o700).unwrap();
    assert_eq!(mode(&thread, "d/e"), 0o2700);
    let made = crate::filesystem::reach_path(&thread, HERE, b"d/e", true).unwrap();
    assert_eq!(made.inode().ownership().gid, 50);
}

#[test]
fn a_new_owner_ends_set_user_id() {
    let thread = thread();
    create(&thread, "f", b"");
    chmod(&thread, "f", 0o6755).unwrap();
    attributes::chown(&thread, string("f"), 3, u32::MAX).unwrap();
    assert_eq!(mode(&thread, "f"), 0o755);
    become_user(&thread, 3, &[9]);
    assert_eq!(attributes::chown(&thread, string("f"), 3, 9), Ok(()));
    assert_eq!(attributes::chown(&thread, string("f"), 3, 10), Err(Errno::EPERM));
    assert_eq!(attributes::chown(&thread, string("f"), 4, 9), Err(Errno::EPERM));
    assert_eq!(chmod(&thread, "f", 0o2711), Ok(()));
    become_user(&thread, 3, &[]);
    assert_eq!(chmod(&thread, "f", 0o2711), Ok(()));
    assert_eq!(mode(&thread, "f"), 0o711);
}

#[test]
fn the_umask_is_kept_back() {
    let thread = thread();
    assert_eq!(place::umask(&thread, 0o7077), Ok(0o022));
    create(&thread, "f", b"");
    assert_eq!(mode(&thread, "f"), 0o600);
    assert_eq!(place::umask(&thread, 0), Ok(0o077));
}

#[test]
fn times_are_set_as_asked() {
    let thread = thread();
    create(&thread, "f", b"");
    let times = |values: [i64; 4]| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        UserPtr::new(user_bytes(&bytes))
    };
    let set = |values| attributes::utimensat(&thread, HERE, string("f"), times(values), AtFlags::empty());
    let get = || crate::filesystem::reach_path(&thread, HERE, b"f", true).unwrap().inode().attributes();
    assert_eq!(set([5, 6, -7, 8]), Ok(()));
    let now = get();
    assert_eq!((now.accessed.seconds, now.accessed.nanoseconds), (5, 6));
    assert_eq!((now.modified.seconds, now.modified.nanoseconds), (-7, 8));
    assert!(now.changed.seconds > 1_600_000_000);
    assert_eq!(set([0, (1 << 30) - 2, 0, (1 << 30) - 1]), Ok(()));
    assert_eq!(get().accessed.seconds, 5);
    assert!(get().modified >= now.changed);
    assert_eq!(set([0, 1_000_000_000, 0, 0]), Err(Errno::EINVAL));
    become_user(&thread, 7, &[]);
    assert_eq!(set([1, 1, 1, 1]), Err(Errno::EPERM));
    let touch = attributes::utimensat(&thread, HERE, string("f"), UserPtr::new(0), AtFlags::empty());
    assert_eq!(touch, Err(Errno::EACCES));
}
