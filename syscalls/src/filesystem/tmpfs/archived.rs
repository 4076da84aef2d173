//! Files that still lie in the boot archive.

use crate::errno::{Errno, Result};
use crate::frame::{Frame, PAGE};
use alloc::sync::Arc;

/// A boot module: bytes in memory that begin on a page boundary.
pub trait Module: Send + Sync {
    /// All of it.
    fn bytes(&self) -> &[u8];
    /// The frame that holds the module's page with this index; `None` beyond the module. The module's frames are never
    /// written to.
    fn frame(&self, index: u64) -> Option<Frame>;
}

/// A file's content within a module. Whole pages that lie on page boundaries are used in place, all else is copied
/// when it is first touched.
pub struct Archived {
    module: Arc<dyn Module>,
    offset: u64,
    length: u64,
}

impl Archived {
    /// Bytes of a module. `EINVAL` when they leave it.
    pub fn new(module: Arc<dyn Module>, offset: u64, length: u64) -> Result<Self> {
        match offset.checked_add(length) {
            Some(end) if end <= module.bytes().len() as u64 => Ok(Self { module, offset, length }),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Forgets what lies at `length` or behind.
    pub(super) fn truncate(&mut self, length: u64) {
        self.length = self.length.min(length);
    }

    /// Whether the page holds some of the content.
    pub(super) fn has(&self, index: u64) -> bool {
        index < self.length.div_ceil(PAGE)
    }

    /// The module's own frame, where a whole page of the content lies in one.
    pub(super) fn page_in_place(&self, index: u64) -> Option<Frame> {
        let start = index.checked_mul(PAGE)?;
        let from = self.offset + start;
        let whole = from.is_multiple_of(PAGE) && start.checked_add(PAGE)? <= self.length;
        if whole { self.module.frame(from / PAGE) } else { None }
    }

    /// A page of the content, zeros behind its end; `true` when the frame is the module's own and must not be written.
    /// `None` when the content does not reach there. `ENOMEM`.
    pub(super) fn page(&self, index: u64) -> Result<Option<(Frame, bool)>> {
        if !self.has(index) {
            return Ok(None);
        }
        if let Some(frame) = self.page_in_place(index) {
            return Ok(Some((frame, true)));
        }
        let start = index * PAGE;
        let length = (self.length - start).min(PAGE) as usize;
        let from = self.offset + start;
        let copy = Frame::zeroed().ok_or(Errno::ENOMEM)?;
        let bytes = self.module.bytes().get(from as usize..).and_then(|bytes| bytes.get(..length));
        copy.write(0, bytes.ok_or(Errno::EIO)?);
        Ok(Some((copy, false)))
    }
}
