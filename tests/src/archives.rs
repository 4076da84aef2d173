//! Archives for the kernel, as an initramfs is packed.

use std::io::{self, Cursor};

/// A file of an archive: its path, its content, whether it may be executed.
pub(crate) type Member<'a> = (&'a str, Vec<u8>, bool);

fn mode(executable: bool) -> u32 {
    if executable { 0o755 } else { 0o644 }
}

/// A cpio archive in the format `newc`.
///
/// # Errors
/// None in fact: it is written to memory.
pub(crate) fn cpio(members: &[Member<'_>]) -> io::Result<Vec<u8>> {
    let inputs = members.iter().zip(1..).map(|((path, content, executable), inode)| {
        let builder = cpio::NewcBuilder::new(path).ino(inode).mode(0o100_000 | mode(*executable)).nlink(1);
        (builder, Cursor::new(content.clone()))
    });
    cpio::write_cpio(inputs, Vec::new())
}

/// A tar archive.
///
/// # Errors
/// A path that tar cannot hold.
pub(crate) fn tar(members: &[Member<'_>]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content, executable) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(mode(*executable));
        header.set_entry_type(tar::EntryType::Regular);
        archive.append_data(&mut header, path, &**content)?;
    }
    archive.into_inner()
}
