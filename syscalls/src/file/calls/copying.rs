//! From file to file: `sendfile(2)`, `copy_file_range(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::OpenFile;
use crate::filesystem::Kind;
use crate::filesystem::watch::Happening;
use crate::thread::Thread;
use crate::transfer::{Destination, MAXIMUM, Source};
use crate::user::UserPtr;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bytes moved in one step.
const STEP: usize = 16 << 10;

/// Where one side of a copy stands: at an offset that the program keeps, or at the description's own.
struct Side {
    open: Arc<OpenFile>,
    kept: UserPtr<i64>,
    offset: u64,
}

impl Side {
    /// `EBADF`, `EFAULT`, `EINVAL`, and `ESPIPE` for an offset into a stream.
    fn new(thread: &Thread, open: Arc<OpenFile>, kept: UserPtr<i64>) -> Result<Self> {
        let offset = match kept.non_null() {
            Some(kept) => {
                open.check_seekable()?;
                u64::try_from(kept.read(thread)?).map_err(|_| Errno::EINVAL)?
            }
            None => open.position(),
        };
        Ok(Self { open, kept, offset })
    }

    /// Writes the offset back to where it came from.
    fn finish(&self, thread: &Thread) -> Result<()> {
        if let Some(kept) = self.kept.non_null() {
            return kept.write(thread, &(self.offset as i64));
        }
        if !self.open.file().is_stream() {
            self.open.set_position(self.offset);
        }
        Ok(())
    }
}

/// `sendfile(2)`: from a file with offsets to anything that can be written.
pub fn sendfile(thread: &Thread, out: Fd, source: Fd, offset: UserPtr<i64>, count: usize) -> Result<usize> {
    let source = thread.files().get(source)?;
    source.check_readable()?;
    let out = thread.files().get(out)?;
    out.check_writable()?;
    if source.file().is_stream() || out.appends() {
        return Err(Errno::EINVAL);
    }
    let from = Side::new(thread, source, offset)?;
    let to = Side::new(thread, out, UserPtr::new(0))?;
    copy(thread, from, to, count)
}

/// `copy_file_range(2)`: between regular files.
pub fn copy_file_range(
    thread: &Thread,
    source: Fd,
    source_offset: UserPtr<i64>,
    out: Fd,
    out_offset: UserPtr<i64>,
    length: usize,
    flags: u32,
) -> Result<usize> {
    let source = thread.files().get(source)?;
    let out = thread.files().get(out)?;
    let from = Side::new(thread, source, source_offset)?;
    let to = Side::new(thread, out, out_offset)?;
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let (from_attributes, to_attributes) = (from.open.attributes(), to.open.attributes());
    for attributes in [from_attributes, to_attributes] {
        match attributes.kind {
            Kind::Regular => {}
            Kind::Directory => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    from.open.check_readable()?;
    to.open.check_writable()?;
    if to.open.appends() {
        return Err(Errno::EBADF);
    }
    let length_wide = length as u64;
    let from_end = from.offset.checked_add(length_wide).ok_or(Errno::EOVERFLOW)?;
    let to_end = to.offset.checked_add(length_wide).ok_or(Errno::EOVERFLOW)?;
    let same = (from_attributes.device, from_attributes.inode) == (to_attributes.device, to_attributes.inode);
    if same && from.offset < to_end && to.offset < from_end {
        return Err(Errno::EINVAL);
    }
    copy(thread, from, to, length)
}

/// Moves bytes until the source ends, the count is reached or something fails; what was moved counts.
fn copy(thread: &Thread, mut from: Side, mut to: Side, count: usize) -> Result<usize> {
    let count = count.min(MAXIMUM);
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(STEP.min(count)).map_err(|_| Errno::ENOMEM)?;
    buffer.resize(STEP.min(count), 0);
    let mut moved = 0;
    let mut outcome = Ok(());
    while moved < count {
        let step = buffer.len().min(count - moved);
        match step_once(&mut from, &mut to, &mut buffer[..step]) {
            Ok(0) => break,
            Ok(done) => moved += done,
            Err(errno) => {
                outcome = Err(errno);
                break;
            }
        }
    }
    if moved == 0 {
        outcome?;
    }
    from.open.note(moved, Happening::ACCESS);
    to.open.note(moved, Happening::MODIFY);
    from.finish(thread)?;
    to.finish(thread)?;
    Ok(moved)
}

/// Moves at most a buffer full; what the target did not take is read again the next time.
fn step_once(from: &mut Side, to: &mut Side, buffer: &mut [u8]) -> Result<usize> {
    let offset = from.offset;
    let read = from.open.wait(|| from.open.file().read(&mut Destination::kernel(buffer), offset))?;
    let bytes = buffer.get(..read).unwrap_or_default();
    if bytes.is_empty() {
        return Ok(0);
    }
    let offset = to.offset;
    let written = to.open.wait(|| to.open.file().write(&mut Source::kernel(bytes), offset))?;
    from.offset += written as u64;
    to.offset += written as u64;
    Ok(written)
}
