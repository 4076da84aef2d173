//! Where a program's bytes are read from.

/// A file that can be read at any place. It need not be contiguous in memory.
pub trait Source {
    /// The file's size in bytes.
    fn len(&self) -> u64;

    /// Fills the whole of `buffer` with the bytes from `offset` on. False if it could not (beyond the end, or an
    /// error below); `buffer` may then hold anything.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Source for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let Ok(offset) = usize::try_from(offset) else {
            return false;
        };
        let bytes = self.get(offset..).and_then(|rest| rest.get(..buffer.len()));
        if let Some(bytes) = bytes {
            buffer.copy_from_slice(bytes);
        }
        bytes.is_some()
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        (**self).read_at(offset, buffer)
    }
}
