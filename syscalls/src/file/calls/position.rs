//! `lseek(2)`.

use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::filesystem::Kind;
use crate::thread::Thread;
use linux_raw_sys::general::{SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET};

/// `lseek(2)`.
pub fn lseek(thread: &Thread, fd: Fd, offset: i64, whence: u32) -> Result<i64> {
    let open = thread.files().get(fd)?;
    open.check_not_path()?;
    if open.file().ignores_seeks() && whence <= SEEK_HOLE {
        return Ok(0);
    }
    open.check_seekable()?;
    let from_end = || {
        let attributes = open.attributes();
        match attributes.kind {
            Kind::Regular | Kind::Block => Ok(attributes.size as i64),
            // Its positions are no offsets.
            Kind::Directory => Err(Errno::EINVAL),
            _ => Ok(0),
        }
    };
    let position = match whence {
        SEEK_SET => offset,
        SEEK_CUR => (open.position() as i64).checked_add(offset).ok_or(Errno::EOVERFLOW)?,
        SEEK_END => from_end()?.checked_add(offset).ok_or(Errno::EOVERFLOW)?,
        SEEK_DATA | SEEK_HOLE => {
            let offset = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
            let found = if whence == SEEK_DATA { open.file().seek_data(offset) } else { open.file().seek_hole(offset) };
            found? as i64
        }
        _ => return Err(Errno::EINVAL),
    };
    if position < 0 {
        return Err(Errno::EINVAL);
    }
    open.set_position(position as u64);
    Ok(position)
}
