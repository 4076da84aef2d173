//! Tests of the archives.

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

/// An entry as a test sees it.
#[derive(Debug, PartialEq)]
struct Found {
    name: Vec<u8>,
    inode: u32,
    mode: u32,
    links: u32,
    modified: u32,
    data: Vec<u8>,
    /// Where the data begins.
    at: usize,
}

/// Reads an archive as Linux does: every field counts, nothing else does.
fn read(archive: &File) -> Vec<Found> {
    let mut bytes = Vec::new();
    ReadFromStart { file: archive, at: 0 }.read_to_end(&mut bytes).expect("reads");
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        assert!(at % 4 == 0 && &bytes[at..at + 6] == b"070701", "no entry at {at}");
        let field = |index: usize| {
            let start = at + 6 + 8 * index;
            let digits = str::from_utf8(&bytes[start..start + 8]).expect("digits");
            u32::from_str_radix(digits, 16).expect("digits") as usize
        };
        let (name_size, size) = (field(11), field(6));
        assert!(name_size <= 4096, "Linux skips longer names");
        let name = &bytes[at + 110..at + 110 + name_size];
        let end = name.iter().position(|byte| *byte == 0).expect("a NUL");
        let name = name[..end].to_vec();
        let data = (at + 110 + name_size).next_multiple_of(4);
        if name == b"TRAILER!!!" {
            return found;
        }
        found.push(Found {
            name,
            inode: field(0) as u32,
            mode: field(1) as u32,
            links: field(4) as u32,
            modified: field(5) as u32,
            data: bytes[data..data + size].to_vec(),
            at: data,
        });
        at = (data + size).next_multiple_of(4);
    }
}

fn names(found: &[Found]) -> Vec<String> {
    found.iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect()
}

fn entry<'a>(found: &'a [Found], name: &[u8]) -> &'a Found {
    found.iter().rfind(|entry| entry.name == name).expect("in the archive")
}

#[test]
fn a_directory_is_packed_as_it_is() {
    let root = tempfile::tempdir().expect("a directory");
    let strange = std::ffi::OsStr::from_bytes(b"a, b\n\xff");
    fs::create_dir(root.path().join("sub")).expect("made");
    fs::write(root.path().join("sub").join(strange), b"odd").expect("written");
    fs::write(root.path().join("sub/run"), b"#!").expect("written");
    fs::set_permissions(root.path().join("sub/run"), Permissions::from_mode(0o4751)).expect("set");
    fs::hard_link(root.path().join("sub/run"), root.path().join("again")).expect("linked");
    symlink("sub/run", root.path().join("link")).expect("linked");
    fs::write(root.path().join("sub.txt"), vec![7; 5000]).expect("written");
    nix::unistd::mkfifo(&root.path().join("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("made");

    let found = read(&of(root.path()).expect("packed"));
    let names: Vec<&[u8]> = found.iter().map(|entry| &*entry.name).collect();
    let expected: [&[u8]; 8] = [b".", b"again", b"link", b"pipe", b"sub", b"sub/a, b\n\xff", b"sub/run", b"sub.txt"];
    assert_eq!(names, expected);
    assert_eq!(entry(&found, b"again").data, b"#!");
    assert_eq!(entry(&found, b"again").mode, 0o104_751);
    assert_eq!(entry(&found, b"again").links, 2);
    assert_eq!(entry(&found, b"sub/run").inode, entry(&found, b"again").inode);
    assert_eq!(entry(&found, b"sub/run").data, b"");
    assert_eq!(entry(&found, b"link").data, b"sub/run");
    assert_eq!(entry(&found, b"pipe").mode, 0o010_600);
    assert_eq!(entry(&found, b"sub.txt").data, vec![7; 5000]);
    assert!(entry(&found, b"sub.txt").modified > 1_600_000_000);
}

#[test]
fn data_of_files_begins_on_pages_whatever_lies_before() {
    let root = tempfile::tempdir().expect("a directory");
    for length in 0..300 {
        // 13 bytes apart, so that the ends of the files before take every place in a page.
        let name = format!("{length:03}{}", "x".repeat(length % 250));
        fs::write(root.path().join(name), vec![1; length * 13 + 1]).expect("written");
    }
    let found = read(&of(root.path()).expect("packed"));
    let files: Vec<&Found> = found.iter().filter(|entry| entry.mode & 0o170_000 == 0o100_000).collect();
    assert_eq!(files.len(), 300);
    assert!(files.iter().all(|file| file.at % 4096 == 0));
}

#[test]
fn a_tar_file_becomes_an_archive() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |kind: tar::EntryType, name: &str, link: &str, mode: u32, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(1_700_000_000);
        header.set_uid(7);
        header.set_gid(8);
        header.set_size(data.len() as u64);
        if link.is_empty() {
            builder.append_data(&mut header, name, data).expect("added");
        } else {
            builder.append_link(&mut header, name, link).expect("added");
        }
    };
    let long = format!("deep/{}/file", "n".repeat(200));
    add(tar::EntryType::Regular, "./bin/app", "", 0o755, b"program");
    add(tar::EntryType::Symlink, "bin/sh", "app", 0o777, b"");
    add(tar::EntryType::Link, "bin/app2", "./bin/app", 0o755, b"");
    add(tar::EntryType::Directory, "bin", "", 0o711, b"");
    add(tar::EntryType::Regular, &long, "", 0o600, b"x");
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("r.tar");
    fs::write(&path, builder.into_inner().expect("finished")).expect("written");

    let found = read(&of(&path).expect("converted"));
    let deep = format!("deep/{}", "n".repeat(200));
    assert_eq!(names(&found), ["bin", "bin/app", "bin/sh", "bin/app2", "bin", "deep", &deep, &long]);
    let app = entry(&found, b"bin/app");
    assert_eq!((app.mode, app.links, &*app.data), (0o100_755, 2, &b"program"[..]));
    assert_eq!(app.at % 4096, 0);
    assert_eq!(entry(&found, b"bin/app2").inode, app.inode);
    assert_eq!(entry(&found, b"bin/sh").data, b"app");
    assert_eq!(entry(&found, b"bin").mode, 0o040_711);
}

#[test]
fn a_cpio_file_is_taken_as_it_is() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("r.cpio");
    fs::write(&path, b"070701 and so on").expect("written");
    let mut bytes = Vec::new();
    of(&path).expect("taken").read_to_end(&mut bytes).expect("reads");
    assert_eq!(bytes, b"070701 and so on");
}

#[test]
fn what_is_no_archive_is_refused_with_advice() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("r");
    for (content, advice) in [(&b"\x1f\x8b\x08"[..], "gzip -d"), (b"\x28\xb5\x2f\xfd", "zstd -d"), (b"hello", "tar")] {
        fs::write(&path, content).expect("written");
        let failure = of(&path).expect_err("refused").to_string();
        assert!(failure.contains(advice), "{failure}");
    }
    assert!(of(&folder.path().join("none")).is_err());
}
