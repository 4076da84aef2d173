use super::*;
use crate::filesystem::tmpfs::Tmpfs;
use crate::frame::{Frame, PAGE_SIZE};
use crate::machine::host;
use crate::transfer::Destination;
use std::format;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

/// A boot module of these bytes.
struct Bytes {
    bytes: Vec<u8>,
    frames: Vec<Frame>,
}

impl Module for Bytes {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn frame(&self, index: u64) -> Option<Frame> {
        self.frames.get(index as usize).cloned()
    }
}

fn module(bytes: &[u8]) -> Arc<dyn Module> {
    host::host();
    let frames = bytes.chunks(PAGE_SIZE).map(|page| {
        let frame = Frame::zeroed().unwrap();
        frame.write(0, page);
        frame
    });
    Arc::new(Bytes { bytes: bytes.to_vec(), frames: frames.collect() })
}

/// One entry as `cpio -H newc` writes it; `inode` and `links` make hard links.
fn cpio_entry(archive: &mut Vec<u8>, name: &[u8], mode: u32, (inode, links): (u32, u32), content: &[u8]) {
    let numbers = [inode, mode, 5, 6, links, 1000, content.len() as u32, 8, 1, 1, 3, name.len() as u32 + 1, 0];
    archive.extend_from_slice(b"070701");
    numbers.iter().for_each(|number| archive.extend_from_slice(format!("{number:08x}").as_bytes()));
    archive.extend_from_slice(name);
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

fn trailer(archive: &mut Vec<u8>) {
    cpio_entry(archive, b"TRAILER!!!", 0, (0, 1), b"");
    archive.resize(archive.len().next_multiple_of(512), 0);
}

fn find(root: &Arc<Entry>, path: &[u8]) -> Result<Arc<Entry>, Errno> {
    Walk::from(root.clone(), root.clone(), Credentials::root()).entry(path, false)
}

fn content(root: &Arc<Entry>, path: &[u8]) -> Vec<u8> {
    let entry = find(root, path).unwrap();
    let mut bytes = vec![0; entry.inode().attributes().size as usize + 1];
    let file = entry.inode().clone().open(&entry, crate::file::OpenFlags::empty()).unwrap();
    let count = file.read(&mut Destination::kernel(&mut bytes), 0).unwrap();
    bytes.truncate(count);
    bytes
}

fn unpacked(archive: &[u8]) -> (Arc<Entry>, Result<usize, ArchiveError>) {
    let module = module(archive);
    let root = Tmpfs::new("tmpfs").root();
    let outcome = unpack(&module, &root);
    (root, outcome)
}

#[test]
fn a_cpio_archive_becomes_a_tree() {
    let mut archive = Vec::new();
    cpio_entry(&mut archive, b".", 0o040700, (1, 2), b"");
    cpio_entry(&mut archive, b"a", 0o100644, (2, 1), b"hello");
    cpio_entry(&mut archive, b"deep/er/b", 0o100755, (3, 2), b"");
    cpio_entry(&mut archive, b"deep/er", 0o040711, (4, 2), b"");
    cpio_entry(&mut archive, b"c", 0o100755, (3, 2), b"shared");
    cpio_entry(&mut archive, b"\xff", 0o120777, (5, 1), b"deep/er/b");
    cpio_entry(&mut archive, b"null", 0o020666, (6, 1), b"");
    trailer(&mut archive);
    cpio_entry(&mut archive, b"a", 0o100600, (2, 1), b"from the second archive");
    trailer(&mut archive);
    let (root, outcome) = unpacked(&archive);
    assert_eq!(outcome, Ok(10));
    assert_eq!(content(&root, b"/a"), b"from the second archive");
    assert_eq!(content(&root, b"/deep/er/b"), b"shared");
    let attributes = |path: &[u8]| find(&root, path).unwrap().inode().attributes();
    let b = attributes(b"deep/er/b");
    assert_eq!((b.mode, b.uid, b.gid, b.links, b.modified.seconds), (0o755, 5, 6, 2, 1000));
    assert_eq!(b.inode, attributes(b"c").inode);
    assert_eq!(attributes(b"deep").mode, 0o755);
    assert_eq!(attributes(b"deep/er").mode, 0o711);
    assert_eq!(attributes(b".").mode, 0o700);
    assert_eq!(attributes(b"null").special, crate::filesystem::device_number(1, 3));
    let link = find(&root, b"\xff").unwrap();
    assert_eq!(&*link.inode().link_text().unwrap(), b"deep/er/b");
}

#[test]
fn pages_of_the_archive_are_used_in_place_until_they_are_written() {
    let mut archive = Vec::new();
    let long: Vec<u8> = (0..3 * PAGE_SIZE + 100).map(|index| (index % 251) as u8).collect();
    // The name is as long as it takes for the content to begin on a page.
    let name = vec![b'n'; 200];
    cpio_entry(&mut archive, b"pad", 0o100644, (1, 1), &vec![0; PAGE_SIZE - 110 - 4 - 2 - 110 - 204]);
    cpio_entry(&mut archive, &name, 0o100644, (2, 1), &long);
    cpio_entry(&mut archive, b"unaligned", 0o100644, (3, 1), &long);
    trailer(&mut archive);
    let module = module(&archive);
    let root = Tmpfs::new("tmpfs").root();
    assert_eq!(unpack(&module, &root), Ok(4));
    let begin = archive.windows(long.len()).position(|window| window == long).unwrap();
    assert_eq!(begin % PAGE_SIZE, 0);
    assert_eq!(content(&root, &name), long);
    assert_eq!(content(&root, b"unaligned"), long);

    let entry = find(&root, &name).unwrap();
    let file = entry.inode().clone().open(&entry, crate::file::OpenFlags::empty()).unwrap();
    let pages = file.pages().unwrap();
    let frame = |index, for_write| pages.page(index, for_write).unwrap().unwrap().number();
    let in_place = module.frame((begin / PAGE_SIZE) as u64).unwrap().number();
    assert_eq!(frame(0, false), in_place);
    // The last page is shared with the next header and must end in zeros.
    let mut tail = [1; 8];
    pages.page(3, false).unwrap().unwrap().read(100, &mut tail);
    assert_eq!(tail, [0; 8]);
    assert!(pages.page(4, false).unwrap().is_none());

    file.write(&mut crate::transfer::Source::kernel(b"new"), 1).unwrap();
    assert_ne!(frame(0, false), in_place);
    assert_eq!(frame(0, false), frame(0, true));
    assert_eq!(content(&root, &name)[..5], [0, b'n', b'e', b'w', 4]);
    let mut first = [9; 4];
    module.frame((begin / PAGE_SIZE) as u64).unwrap().read(0, &mut first);
    assert_eq!(first, [0, 1, 2, 3]);
}

#[test]
fn truncated_archived_files_grow_with_zeros() {
    let mut archive = Vec::new();
    cpio_entry(&mut archive, b"f", 0o100644, (1, 1), &vec![7; 3 * PAGE_SIZE]);
    trailer(&mut archive);
    let (root, _) = unpacked(&archive);
    let inode = find(&root, b"f").unwrap().inode().clone();
    inode.resize(PAGE_SIZE as u64 + 10).unwrap();
    inode.resize(3 * PAGE_SIZE as u64).unwrap();
    let mut expected = vec![7; PAGE_SIZE + 10];
    expected.resize(3 * PAGE_SIZE, 0);
    assert!(content(&root, b"f") == expected);
}

#[test]
fn broken_archives_say_where_and_why() {
    let mut whole = Vec::new();
    cpio_entry(&mut whole, b"name", 0o100644, (1, 1), b"content");
    let fault = |bytes: &[u8]| unpacked(bytes).1.unwrap_err().fault;
    assert_eq!(fault(b""), Fault::Unknown);
    assert_eq!(fault(&[0x1f, 0x8b, 8, 0]), Fault::Compressed("gzip"));
    assert_eq!(fault(&whole[..40]), Fault::Truncated);
    assert_eq!(fault(&whole[..112]), Fault::Truncated);
    assert_eq!(fault(&whole[..whole.len() - 4]), Fault::Truncated);
    let mut bad = whole.clone();
    bad[10] = b'x';
    assert_eq!(fault(&bad), Fault::Number);
    let mut bad = whole.clone();
    bad[114] = b'!';
    assert_eq!(fault(&bad), Fault::Name);
    let mut bad = whole.clone();
    bad[54..62].copy_from_slice(b"ffffffff");
    assert_eq!(fault(&bad), Fault::Truncated);
    let mut bad = whole.clone();
    bad.extend_from_slice(b"garbage");
    let error = unpacked(&bad).1.unwrap_err();
    assert_eq!(error.fault, Fault::Truncated);
    bad.resize(400, b'.');
    let error = unpacked(&bad).1.unwrap_err();
    assert_eq!((error.offset, error.fault), (whole.len(), Fault::Header));
    assert!(error.to_string().contains(&format!("byte {}", whole.len())));
}

/// One tar header with its content, as GNU tar writes it.
fn tar_entry(archive: &mut Vec<u8>, name: &[u8], letter: u8, target: &[u8], content: &[u8]) {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name);
    header[100..107].copy_from_slice(b"0000751");
    header[108..115].copy_from_slice(b"0000005");
    header[116..123].copy_from_slice(b"0000006");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[136..147].copy_from_slice(b"00000001750");
    header[148..156].fill(b' ');
    header[156] = letter;
    header[157..157 + target.len()].copy_from_slice(target);
    header[257..263].copy_from_slice(b"ustar\0");
    header[329..336].copy_from_slice(b"0000001");
    header[337..344].copy_from_slice(b"0000003");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    header[154] = 0;
    archive.extend_from_slice(&header);
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

#[test]
fn a_tar_archive_becomes_a_tree() {
    let long = [b"long/", &[b'n'; 200][..]].concat();
    let mut archive = Vec::new();
    tar_entry(&mut archive, b"./", b'5', b"", b"");
    tar_entry(&mut archive, b"dir/file", b'0', b"", b"content");
    tar_entry(&mut archive, b"old-dir/", 0, b"", b"");
    tar_entry(&mut archive, b"hard", b'1', b"dir/file", b"");
    tar_entry(&mut archive, b"soft", b'2', b"dir/file", b"");
    tar_entry(&mut archive, b"null", b'3', b"", b"");
    tar_entry(&mut archive, b"././@LongLink", b'L', b"", &[&long[..], b"\0"].concat());
    tar_entry(&mut archive, b"cut", b'0', b"", b"long");
    let pax = b"19 path=pax/\xfe\xffame\n23 mtime=-1.250000000\n10 uid=99\n20 SCHILY.xattr=1\n\n";
    let pax = &pax[..pax.len() - 1];
    tar_entry(&mut archive, b"PaxHeaders/x", b'x', b"", &pax_lines(pax));
    tar_entry(&mut archive, b"x", b'0', b"", b"pax");
    archive.resize(archive.len() + 1024, 0);
    let (root, outcome) = unpacked(&archive);
    assert_eq!(outcome, Ok(8));
    assert_eq!(content(&root, b"hard"), b"content");
    assert_eq!(content(&root, &long), b"long");
    let attributes = |path: &[u8]| find(&root, path).unwrap().inode().attributes();
    let file = attributes(b"dir/file");
    assert_eq!((file.mode, file.uid, file.gid, file.links, file.modified.seconds), (0o751, 5, 6, 2, 1000));
    assert_eq!(attributes(b"old-dir").kind, Kind::Directory);
    assert_eq!(attributes(b"null").special, crate::filesystem::device_number(1, 3));
    assert_eq!(&*find(&root, b"soft").unwrap().inode().link_text().unwrap(), b"dir/file");
    let pax = attributes(b"pax/\xfe\xffame");
    assert_eq!((pax.uid, pax.modified), (99, Timestamp { seconds: -2, nanoseconds: 750_000_000 }));
}

/// Pax lines with the lengths put right.
fn pax_lines(lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let value = line.splitn(2, |&byte| byte == b' ').nth(1).unwrap();
        let rest = value.len() + 2;
        let length = (1..9).map(|digits| rest + digits).find(|length| length.to_string().len() + rest == *length);
        out.extend_from_slice(length.unwrap().to_string().as_bytes());
        out.push(b' ');
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    out
}

#[test]
fn broken_tar_archives_say_why() {
    let mut whole = Vec::new();
    tar_entry(&mut whole, b"name", b'0', b"", &[1; 600]);
    let fault = |bytes: &[u8]| unpacked(bytes).1.unwrap_err().fault;
    assert_eq!(unpacked(&whole).1, Ok(1));
    assert_eq!(unpacked(&[0; 1024]).1, Ok(0));
    assert_eq!(fault(&whole[..1024]), Fault::Truncated);
    assert_eq!(fault(&[&whole[..], &[1; 100]].concat()), Fault::Truncated);
    assert_eq!(fault(&[&whole[..], &[1; 512]].concat()), Fault::Checksum);
    let mut sparse = Vec::new();
    tar_entry(&mut sparse, b"name", b'S', b"", b"");
    assert_eq!(fault(&sparse), Fault::Kind);
    for pax in [&b"99 path=x\n"[..], b"x path=x\n", b"5 p=x", b"0 path=x\n", b"9 size=x\n"] {
        let mut bad = Vec::new();
        tar_entry(&mut bad, b"h", b'x', b"", pax);
        tar_entry(&mut bad, b"name", b'0', b"", b"");
        assert!(matches!(fault(&bad), Fault::Header | Fault::Number));
    }
    let mut hard = Vec::new();
    tar_entry(&mut hard, b"name", b'1', b"missing", b"");
    assert_eq!(fault(&hard), Fault::Entry(Errno::ENOENT));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(start in 0usize..3, mut noise: Vec<u8>, changes: Vec<(u16, u8)>) {
        let mut archive = Vec::new();
        match start {
            0 => {
                cpio_entry(&mut archive, b"a/b", 0o100644, (1, 2), b"content");
                cpio_entry(&mut archive, b"c", 0o120777, (1, 2), b"a/b");
                trailer(&mut archive);
            }
            1 => {
                tar_entry(&mut archive, b"x", b'x', b"", b"13 path=a/b/c\n");
                tar_entry(&mut archive, b"a/b", b'0', b"", b"content");
                tar_entry(&mut archive, b"c", b'2', b"a/b", b"");
            }
            _ => {}
        }
        for (at, value) in changes {
            if let Some(byte) = archive.get_mut(usize::from(at) % 700) {
                *byte = value;
            }
        }
        archive.append(&mut noise);
        let _ = unpacked(&archive);
    }
}
