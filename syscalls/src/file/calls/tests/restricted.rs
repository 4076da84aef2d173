//! `openat2(2)`, what is mounted, descriptors that stand for places.

use super::*;
use crate::filesystem::tmpfs::Tmpfs;
use crate::filesystem::{Kind, Mount, MountFlags, Resolve, devfs, namespace, reach_path};
use crate::machine::host::test_process;

fn openat2(thread: &Thread, directory: Fd, path: &str, flags: u64, mode: u64, resolve: Resolve) -> Result<Fd> {
    let how: Vec<u8> = [flags, mode, resolve.bits()].iter().flat_map(|word| word.to_le_bytes()).collect();
    opening::openat2(thread, directory, string(path), UserPtr::new(user_bytes(&how)), 24)
}

#[test]
fn walks_stay_where_they_are_told_to() {
    let thread = thread();
    for path in ["d", "d/e"] {
        names::mkdir(&thread, string(path), 0o755).unwrap();
    }
    create(&thread, "d/f", b"inner");
    create(&thread, "f", b"outer");
    for (target, link) in [("../f", "d/up"), ("/f", "d/absolute"), ("f", "d/plain")] {
        names::symlink(&thread, string(target), string(link)).unwrap();
    }
    let d = open(&thread, "d", OpenFlags::O_PATH | OpenFlags::O_DIRECTORY).unwrap();
    let content = |path: &str, resolve| openat2(&thread, d, path, 0, 0, resolve).and_then(|fd| read(&thread, fd, 9));
    assert_eq!(content("e/../f", Resolve::BENEATH).unwrap(), b"inner");
    for path in ["../f", "up", "absolute", "/f", "e/../../d/f"] {
        assert_eq!(content(path, Resolve::BENEATH), Err(Errno::EXDEV), "{path}");
    }
    for path in ["../f", "up", "absolute", "/f", "../../../f"] {
        assert_eq!(content(path, Resolve::IN_ROOT).unwrap(), b"inner", "{path}");
    }
    assert_eq!(content("plain", Resolve::NO_SYMLINKS), Err(Errno::ELOOP));
    assert_eq!(content("up", Resolve::empty()).unwrap(), b"outer");
}

#[test]
fn arguments_that_openat_drops_are_refused() {
    let thread = thread();
    let attempt = |flags, mode| openat2(&thread, HERE, "f", flags, mode, Resolve::empty());
    assert_eq!(attempt(1 << 40, 0), Err(Errno::EINVAL));
    assert_eq!(attempt(0, 0o644), Err(Errno::EINVAL));
    assert_eq!(attempt(0o100, 0o10000), Err(Errno::EINVAL));
    assert_eq!(attempt(0o10_000_000 | 0o2000, 0), Err(Errno::EINVAL));
    assert!(attempt(0o100 | 2, 0o600).is_ok());
    let both = openat2(&thread, HERE, "f", 0, 0, Resolve::BENEATH | Resolve::IN_ROOT);
    assert_eq!(both, Err(Errno::EINVAL));
    let how = UserPtr::new(user_bytes(&[[0; 24].as_slice(), &[0; 8], &[1]].concat()));
    assert_eq!(opening::openat2(&thread, HERE, string("f"), how, 23), Err(Errno::EINVAL));
    assert!(opening::openat2(&thread, HERE, string("f"), how, 32).is_ok());
    assert_eq!(opening::openat2(&thread, HERE, string("f"), how, 33), Err(Errno::E2BIG));
}

#[test]
fn a_mount_point_is_busy_and_its_file_system_another() {
    let thread = test_process();
    let filesystem = Tmpfs::new("tmpfs");
    let mount = Mount { source: "none".into(), root: filesystem.root(), filesystem, flags: MountFlags::empty() };
    namespace().mount_at(b"/busy/point", mount.clone()).unwrap();
    assert_eq!(namespace().mount_at(b"/busy/point/f", mount), Err(Errno::EBUSY));
    create(&thread, "/busy/f", b"");
    assert_eq!(names::rmdir(&thread, string("/busy/point")), Err(Errno::EBUSY));
    assert_eq!(names::rename(&thread, string("/busy/point"), string("/busy/x")), Err(Errno::EBUSY));
    assert_eq!(names::rename(&thread, string("/busy/f"), string("/busy/point/x")), Err(Errno::EXDEV));
    assert_eq!(names::link(&thread, string("/busy/f"), string("/busy/point/x")), Err(Errno::EXDEV));
    let crossing = openat2(&thread, HERE, "/busy/point", 0, 0, Resolve::NO_XDEV);
    assert_eq!(crossing, Err(Errno::EXDEV));
    let inside = reach_path(&thread, HERE, b"/busy/point", true).unwrap();
    assert_eq!(inside.path(None), b"/busy/point");
}

#[test]
fn dev_has_its_devices() {
    let thread = thread();
    let root = devfs::devfs().root();
    thread.process.context.set_root(root.clone());
    thread.process.context.set_working_directory(root);
    let device = |path: &str| open(&thread, path, OpenFlags::O_RDWR).unwrap();
    assert_eq!(read(&thread, device("zero"), 3).unwrap(), [0; 3]);
    assert_eq!(read(&thread, device("full"), 3).unwrap(), [0; 3]);
    assert_eq!(write(&thread, device("full"), b"x"), Err(Errno::ENOSPC));
    assert_eq!(write(&thread, device("zero"), b"xyz"), Ok(3));
    let [one, other] = [(); 2].map(|()| read(&thread, device("urandom"), 300).unwrap());
    assert_eq!(one.len(), 300);
    assert_ne!(one, other);
    let kind = |path: &[u8]| reach_path(&thread, HERE, path, false).unwrap().kind();
    assert_eq!((kind(b"stdin"), kind(b"shm"), kind(b"null")), (Kind::Symlink, Kind::Directory, Kind::Character));
    assert_eq!(stat(&thread, "shm").unwrap().mode, 0o041777);
}
