//! The tool's standard input, which is read only when the guest has room for it: what the program does not read stays
//! for whoever reads after it.

use std::os::fd::BorrowedFd;

use birgus_syscalls::wire::{Credit, Stream};
use nix::errno::Errno;
use nix::unistd::read;

#[derive(Debug)]
pub(super) struct Input {
    credit: Credit,
    ended: bool,
}

impl Input {
    pub(super) fn new() -> Self {
        Self { credit: Credit::initial(Stream::Input), ended: false }
    }

    /// The guest has room for so many bytes more.
    pub(super) fn allow(&mut self, bytes: u32) {
        self.credit.add(bytes);
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.ended && self.credit.room() > 0
    }

    /// Reads what there is and the guest has room for; no bytes: the input has ended. `None`: there is nothing yet.
    ///
    /// # Errors
    /// What keeps it from being read for good, a terminal that is gone for one.
    pub(super) fn read<'a>(&mut self, file: BorrowedFd<'_>, buffer: &'a mut [u8]) -> nix::Result<Option<&'a [u8]>> {
        let room = self.credit.room().min(buffer.len());
        match read(file, &mut buffer[..room]) {
            Ok(length) => {
                self.ended = length == 0;
                self.credit.take(length);
                Ok(Some(&buffer[..length]))
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            Err(error) => {
                self.ended = true;
                Err(error)
            }
        }
    }
}
