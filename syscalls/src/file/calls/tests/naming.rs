//! Making, renaming, removing names.

use super::*;
use names::RenameFlags;

fn mkdir(thread: &Thread, path: &str) -> Result<()> {
    names::mkdir(thread, string(path), 0o777)
}

fn unlink(thread: &Thread, path: &str) -> Result<()> {
    names::unlink(thread, string(path))
}

fn rmdir(thread: &Thread, path: &str) -> Result<()> {
    names::rmdir(thread, string(path))
}

fn symlink(thread: &Thread, target: &str, link: &str) -> Result<()> {
    names::symlink(thread, string(target), string(link))
}

fn link(thread: &Thread, old: &str, new: &str) -> Result<()> {
    names::link(thread, string(old), string(new))
}

fn rename(thread: &Thread, old: &str, new: &str, flags: RenameFlags) -> Result<()> {
    names::renameat2(thread, HERE, string(old), HERE, string(new), flags)
}

fn working_directory(thread: &Thread) -> Result<Vec<u8>> {
    let at = user_pages(1);
    let length = place::getcwd(thread, Address(at), 4096)?;
    Ok(bytes_of_user(at, length - 1))
}

const PLAIN: RenameFlags = RenameFlags::empty();

#[test]
fn directories_come_and_go() {
    let thread = thread();
    assert_eq!(mkdir(&thread, "d/"), Ok(()));
    assert_eq!(stat(&thread, "d").unwrap().mode, 0o040755);
    assert_eq!(mkdir(&thread, "d"), Err(Errno::EEXIST));
    assert_eq!(mkdir(&thread, "/"), Err(Errno::EEXIST));
    assert_eq!(mkdir(&thread, "d/e/f"), Err(Errno::ENOENT));
    assert_eq!(mkdir(&thread, "d/e"), Ok(()));
    assert_eq!(stat(&thread, "d").unwrap().links, 3);
    assert_eq!(rmdir(&thread, "d"), Err(Errno::ENOTEMPTY));
    assert_eq!(rmdir(&thread, "d/."), Err(Errno::EINVAL));
    assert_eq!(rmdir(&thread, "d/e/.."), Err(Errno::ENOTEMPTY));
    assert_eq!(rmdir(&thread, "/"), Err(Errno::EBUSY));
    assert_eq!(unlink(&thread, "d/e"), Err(Errno::EISDIR));
    assert_eq!(rmdir(&thread, "d/e"), Ok(()));
    assert_eq!(stat(&thread, "d").unwrap().links, 2);
    create(&thread, "f", b"");
    assert_eq!(rmdir(&thread, "f"), Err(Errno::ENOTDIR));
    assert_eq!(unlink(&thread, "f/"), Err(Errno::ENOTDIR));
    assert_eq!(unlink(&thread, "f"), Ok(()));
    assert_eq!(unlink(&thread, "f"), Err(Errno::ENOENT));
}

#[test]
fn a_removed_working_directory_is_nowhere() {
    let thread = thread();
    mkdir(&thread, "a").unwrap();
    mkdir(&thread, "a/b").unwrap();
    place::chdir(&thread, string("a/b")).unwrap();
    assert_eq!(working_directory(&thread).unwrap(), b"/a/b");
    rename(&thread, "/a", "/c", PLAIN).unwrap();
    assert_eq!(working_directory(&thread).unwrap(), b"/c/b");
    rmdir(&thread, "/c/b").unwrap();
    assert_eq!(working_directory(&thread), Err(Errno::ENOENT));
    assert_eq!(open(&thread, "x", OpenFlags::O_CREAT), Err(Errno::ENOENT));
    assert_eq!(stat(&thread, "..").unwrap().inode, stat(&thread, "/c").unwrap().inode);
    assert_eq!(place::chdir(&thread, string("..")), Ok(()));
    assert_eq!(working_directory(&thread).unwrap(), b"/c");
    let small = place::getcwd(&thread, Address(user_pages(1)), 2);
    assert_eq!(small, Err(Errno::ERANGE));
}

#[test]
fn symbolic_links_lead_on() {
    let thread = thread();
    mkdir(&thread, "d").unwrap();
    create(&thread, "d/f", b"content");
    symlink(&thread, "d", "to-d").unwrap();
    symlink(&thread, "../d/f", "d/up").unwrap();
    symlink(&thread, "/d/", "absolute").unwrap();
    let follow = |path: &str| open(&thread, path, OpenFlags::empty()).and_then(|fd| read(&thread, fd, 9));
    for path in ["to-d/f", "d/up", "absolute/up", "to-d/../to-d/up", "//absolute//.//f"] {
        assert_eq!(follow(path).unwrap(), b"content", "{path}");
    }
    assert_eq!(follow("d/up/"), Err(Errno::ENOTDIR));
    assert_eq!(stat(&thread, "to-d").unwrap().mode, 0o120777);
    assert_eq!(stat(&thread, "to-d/").unwrap().mode, 0o040755);
    assert_eq!(open(&thread, "to-d", OpenFlags::O_NOFOLLOW), Err(Errno::ELOOP));
    let directory_itself = OpenFlags::O_NOFOLLOW | OpenFlags::O_DIRECTORY;
    assert_eq!(open(&thread, "to-d", directory_itself), Err(Errno::ENOTDIR));
    let at = user_pages(1);
    assert_eq!(names::readlink(&thread, string("d/up"), Address(at), 4), Ok(4));
    assert_eq!(bytes_of_user(at, 5), b"../d\0");
    assert_eq!(names::readlink(&thread, string("d"), Address(at), 4), Err(Errno::EINVAL));
    assert_eq!(names::readlink(&thread, string("d/up"), Address(at), 0), Err(Errno::EINVAL));
    let place = open(&thread, "to-d", OpenFlags::O_PATH | OpenFlags::O_NOFOLLOW).unwrap();
    assert_eq!(names::readlinkat(&thread, place, string(""), Address(at), 9), Ok(1));

    symlink(&thread, "loop", "loop").unwrap();
    assert_eq!(follow("loop"), Err(Errno::ELOOP));
    assert_eq!(symlink(&thread, "", "x"), Err(Errno::ENOENT));
    assert_eq!(symlink(&thread, "x", "new/"), Err(Errno::ENOENT));
    // Through a dangling link a file is made, but not when it must be new.
    symlink(&thread, "d/made", "dangling").unwrap();
    assert_eq!(open(&thread, "dangling", OpenFlags::O_CREAT | OpenFlags::O_EXCL), Err(Errno::EEXIST));
    assert!(open(&thread, "dangling", OpenFlags::O_CREAT).is_ok());
    assert_eq!(stat(&thread, "d/made").unwrap().mode, 0o100644);
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let thread = thread();
    create(&thread, "0", b"");
    for number in 1..=41 {
        symlink(&thread, &std::format!("{}", number - 1), &std::format!("{number}")).unwrap();
    }
    assert!(open(&thread, "40", OpenFlags::empty()).is_ok());
    assert_eq!(open(&thread, "41", OpenFlags::empty()), Err(Errno::ELOOP));
}

#[test]
fn hard_links_share_the_inode() {
    let thread = thread();
    let fd = create(&thread, "one", b"first");
    link(&thread, "one", "two").unwrap();
    assert_eq!(link(&thread, "one", "two"), Err(Errno::EEXIST));
    assert_eq!(stat(&thread, "two").unwrap().inode, stat(&thread, "one").unwrap().inode);
    assert_eq!(stat(&thread, "two").unwrap().links, 2);
    assert_eq!(rename(&thread, "one", "two", PLAIN), Ok(()));
    assert!(stat(&thread, "one").is_ok());
    unlink(&thread, "one").unwrap();
    unlink(&thread, "two").unwrap();
    // Without a name, the open file lives on.
    assert_eq!(position::lseek(&thread, fd, 0, 0), Ok(0));
    assert_eq!(read(&thread, fd, 9).unwrap(), b"first");
    assert_eq!(
        names::linkat(&thread, fd, string(""), HERE, string("back"), AtFlags::AT_EMPTY_PATH),
        Err(Errno::ENOENT)
    );
    mkdir(&thread, "d").unwrap();
    assert_eq!(link(&thread, "d", "e"), Err(Errno::EPERM));
}

#[test]
fn a_nameless_file_may_get_a_name() {
    let thread = thread();
    let write_only = OpenFlags::O_TMPFILE | OpenFlags::O_WRONLY;
    assert_eq!(open(&thread, "/", OpenFlags::O_TMPFILE), Err(Errno::EINVAL));
    let fd = open(&thread, "/", write_only).unwrap();
    write(&thread, fd, b"data").unwrap();
    names::linkat(&thread, fd, string(""), HERE, string("named"), AtFlags::AT_EMPTY_PATH).unwrap();
    assert_eq!(stat(&thread, "named").unwrap().size, 4);
    let private = open(&thread, "/", write_only | OpenFlags::O_EXCL).unwrap();
    let refused = names::linkat(&thread, private, string(""), HERE, string("x"), AtFlags::AT_EMPTY_PATH);
    assert_eq!(refused, Err(Errno::ENOENT));
}

#[test]
fn renaming_replaces_what_it_may() {
    let thread = thread();
    create(&thread, "f", b"f");
    create(&thread, "g", b"gg");
    mkdir(&thread, "d").unwrap();
    mkdir(&thread, "d/sub").unwrap();
    mkdir(&thread, "e").unwrap();
    assert_eq!(rename(&thread, "f", "g", RenameFlags::RENAME_NOREPLACE), Err(Errno::EEXIST));
    assert_eq!(rename(&thread, "f", "g", RenameFlags::RENAME_EXCHANGE), Ok(()));
    assert_eq!((stat(&thread, "f").unwrap().size, stat(&thread, "g").unwrap().size), (2, 1));
    assert_eq!(rename(&thread, "f", "x", RenameFlags::RENAME_EXCHANGE), Err(Errno::ENOENT));
    assert_eq!(rename(&thread, "f", "g", PLAIN), Ok(()));
    assert_eq!(stat(&thread, "f").unwrap_err(), Errno::ENOENT);
    assert_eq!(stat(&thread, "g").unwrap().size, 2);
    assert_eq!(rename(&thread, "g", "d", PLAIN), Err(Errno::EISDIR));
    assert_eq!(rename(&thread, "d", "g", PLAIN), Err(Errno::ENOTDIR));
    assert_eq!(rename(&thread, "e", "d", PLAIN), Err(Errno::ENOTEMPTY));
    assert_eq!(rename(&thread, "d", "e/", PLAIN), Ok(()));
    assert_eq!(stat(&thread, "e").unwrap().links, 3);
    assert_eq!(rename(&thread, "e", "e/sub/x", PLAIN), Err(Errno::EINVAL));
    assert_eq!(rename(&thread, "e/sub", "e", PLAIN), Err(Errno::ENOTEMPTY));
    assert_eq!(rename(&thread, "g", "new/", PLAIN), Err(Errno::ENOTDIR));
    assert_eq!(rename(&thread, ".", "x", PLAIN), Err(Errno::EBUSY));
    assert_eq!(rename(&thread, "missing", "x", PLAIN), Err(Errno::ENOENT));
    assert_eq!(rename(&thread, "e/sub", "moved", PLAIN), Ok(()));
    assert_eq!(stat(&thread, "e").unwrap().links, 2);
    assert_eq!(rename(&thread, "moved", "g", RenameFlags::RENAME_EXCHANGE), Ok(()));
    assert_eq!(stat(&thread, "g").unwrap().mode, 0o040755);
    let both = RenameFlags::RENAME_EXCHANGE | RenameFlags::RENAME_NOREPLACE;
    assert_eq!(rename(&thread, "g", "e", both), Err(Errno::EINVAL));
}

#[test]
fn an_exchange_across_directories_counts_their_links() {
    let thread = thread();
    for path in ["a", "b", "a/d"] {
        mkdir(&thread, path).unwrap();
    }
    create(&thread, "b/f", b"");
    rename(&thread, "a/d", "b/f", RenameFlags::RENAME_EXCHANGE).unwrap();
    assert_eq!(stat(&thread, "a/d").unwrap().mode, 0o100644);
    assert_eq!(stat(&thread, "b/f").unwrap().mode, 0o040755);
    assert_eq!((stat(&thread, "a").unwrap().links, stat(&thread, "b").unwrap().links), (2, 3));
    place::chdir(&thread, string("b/f")).unwrap();
    assert_eq!(working_directory(&thread).unwrap(), b"/b/f");
    assert_eq!(rename(&thread, "/b/f", "/b", RenameFlags::RENAME_EXCHANGE), Err(Errno::EINVAL));
}

#[test]
fn special_files_are_made_and_devices_open() {
    let thread = thread();
    let null = crate::filesystem::device_number(1, 3) as u32;
    assert_eq!(names::mknod(&thread, string("null"), 0o020666, null), Ok(()));
    assert_eq!(stat(&thread, "null").unwrap().mode, 0o020644);
    let fd = open(&thread, "null", OpenFlags::O_RDWR).unwrap();
    assert_eq!((write(&thread, fd, b"gone"), read(&thread, fd, 4)), (Ok(4), Ok(Vec::new())));
    assert_eq!(names::mknod(&thread, string("fifo"), 0o010644, 0), Ok(()));
    assert_eq!(names::mknod(&thread, string("plain"), 0o644, 0), Ok(()));
    assert_eq!(stat(&thread, "plain").unwrap().mode, 0o100644);
    assert_eq!(names::mknod(&thread, string("d"), 0o040644, 0), Err(Errno::EPERM));
    assert_eq!(names::mknod(&thread, string("x"), 0o170644, 0), Err(Errno::EINVAL));
    assert_eq!(names::mknod(&thread, string("unknown"), 0o020666, 0xfff00), Ok(()));
    assert_eq!(open(&thread, "unknown", OpenFlags::empty()), Err(Errno::ENXIO));
}
