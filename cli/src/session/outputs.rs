//! The files behind the guest's output: standard output, standard error, and where the log goes.
//!
//! Two streams that are one file (`2>&1`, a terminal) share one queue, so that what was written first stays first.
//! No write blocks: a file is asked before, and is given no more than it then surely takes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use birgus_syscalls::wire::Stream;
use nix::errno::Errno;
use nix::libc::PIPE_BUF;
use nix::poll::PollFlags;
use nix::unistd::write;

use super::log::{Lines, LogReader};
use crate::failure::{Failure, Result};

/// Credit is given back in pieces of this size, so that not each word of output costs the guest an interrupt. The
/// guest cannot be stuck for less: it needs a frame's cost only.
const PIECE: u32 = 16 * 1024;

/// The streams that nobody reads any more.
pub(super) type Closed = Vec<Stream>;

#[derive(Debug)]
pub(super) struct Outputs {
    files: Vec<Output>,
    /// The file of each stream, by the stream's number less one; `None`: nobody wants it.
    routes: [Option<usize>; 3],
    mark: &'static [u8],
    lines: Option<Lines>,
    /// Credit to be given back, by the stream's number less one.
    returned: [u32; 3],
}

impl Outputs {
    pub(super) fn new(log: LogReader) -> io::Result<Self> {
        let mut files: Vec<Output> = Vec::new();
        let mut route = |file: OwnedFd, name: &'static str| -> io::Result<Option<usize>> {
            let output = Output::new(file, name)?;
            let same = files.iter().position(|other| other.identity == output.identity);
            Ok(Some(same.unwrap_or_else(|| {
                files.push(output);
                files.len() - 1
            })))
        };
        let output = route(io::stdout().as_fd().try_clone_to_owned()?, "standard output")?;
        let error = route(io::stderr().as_fd().try_clone_to_owned()?, "standard error")?;
        let (log, mark, lines): (_, &[u8], _) = match log {
            LogReader::Nobody => (None, b"", None),
            LogReader::Marked => (error, b"birgus: ", Some(Lines::new())),
            LogReader::StandardError => (error, b"", Some(Lines::new())),
            LogReader::File(file) => (route(file.into(), "the trace's file")?, b"", None),
        };
        Ok(Self { files, routes: [output, error, log], mark, lines, returned: [0; 3] })
    }

    /// Queues bytes of a stream.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8], cost: u32) {
        match self.routes[place(stream)] {
            Some(file) if !self.files[file].closed => self.files[file].queue(stream, bytes, cost),
            _ => self.returned[place(stream)] += cost,
        }
    }

    /// Queues bytes of the log, made readable for who reads it.
    pub(super) fn take_log(&mut self, bytes: &[u8], cost: u32, raw_terminal: bool) {
        match &mut self.lines {
            Some(lines) => {
                let prepared = lines.prepare(bytes, self.mark, raw_terminal);
                self.take(Stream::Log, &prepared, cost);
            }
            None => self.take(Stream::Log, bytes, cost),
        }
    }

    pub(super) fn are_empty(&self) -> bool {
        self.files.iter().all(|file| file.pending.is_empty())
    }

    /// The files to wait for: for room, or only to see that the reader goes.
    pub(super) fn interests(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>, PollFlags)> {
        self.files.iter().enumerate().filter(|(_, file)| !file.closed).map(|(index, file)| {
            let flags = if file.pending.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
            (index, file.file.as_fd(), flags)
        })
    }

    /// Writes to a file that has room or has lost its reader; gives the streams that have ended by that.
    pub(super) fn write(&mut self, index: usize) -> Result<Closed> {
        let file = &mut self.files[index];
        let done = if file.pending.is_empty() { file.lose_reader() } else { file.write()? };
        for (stream, cost) in done {
            self.returned[place(stream)] += cost;
        }
        if !self.files[index].closed {
            return Ok(Closed::new());
        }
        let closed =
            [Stream::Output, Stream::Error].into_iter().filter(|stream| self.routes[place(*stream)] == Some(index));
        Ok(closed.collect())
    }

    /// The credit that is worth a frame.
    pub(super) fn returned_credit(&mut self) -> Vec<(Stream, u32)> {
        let worth = Stream::OUTPUTS.into_iter().filter(|stream| self.returned[place(*stream)] >= PIECE);
        let worth: Vec<Stream> = worth.collect();
        worth.into_iter().map(|stream| (stream, std::mem::take(&mut self.returned[place(stream)]))).collect()
    }
}

fn place(stream: Stream) -> usize {
    stream as usize - 1
}

/// A file that output goes to.
#[derive(Debug)]
struct Output {
    file: File,
    name: &'static str,
    /// Two with the same device and inode number are one file.
    identity: (u64, u64),
    /// The most that may be written at once when the file says that it has room.
    portion: usize,
    pending: VecDeque<u8>,
    pieces: VecDeque<Piece>,
    closed: bool,
}

/// Bytes that wait, and what their stream gets back for them.
#[derive(Debug)]
struct Piece {
    stream: Stream,
    length: usize,
    cost: u32,
}

impl Output {
    fn new(file: OwnedFd, name: &'static str) -> io::Result<Self> {
        let file = File::from(file);
        let metadata = file.metadata()?;
        let kind = metadata.file_type();
        // Pipes, sockets and terminals that have any room have that much.
        let may_block = kind.is_fifo() || kind.is_socket() || file.is_terminal();
        Ok(Self {
            identity: (metadata.dev(), metadata.ino()),
            portion: if may_block { PIPE_BUF } else { usize::MAX },
            file,
            name,
            pending: VecDeque::new(),
            pieces: VecDeque::new(),
            closed: false,
        })
    }

    fn queue(&mut self, stream: Stream, bytes: &[u8], cost: u32) {
        self.pending.extend(bytes);
        self.pieces.push_back(Piece { stream, length: bytes.len(), cost });
    }

    /// Writes a portion; gives what has left the queue.
    fn write(&mut self) -> Result<Vec<(Stream, u32)>> {
        let (front, _) = self.pending.as_slices();
        let portion = &front[..front.len().min(self.portion)];
        match write(&self.file, portion) {
            Ok(length) => Ok(self.written(length)),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(Vec::new()),
            // Nobody reads any more; a terminal says it by EIO.
            Err(Errno::EPIPE | Errno::ECONNRESET | Errno::EIO) => Ok(self.lose_reader()),
            Err(error) => Err(Failure::new(format!("cannot write to {}: {}", self.name, error.desc()))),
        }
    }

    fn written(&mut self, mut length: usize) -> Vec<(Stream, u32)> {
        self.pending.drain(..length);
        let mut done = Vec::new();
        while let Some(piece) = self.pieces.front_mut() {
            if piece.length > length {
                piece.length -= length;
                break;
            }
            length -= piece.length;
            done.push((piece.stream, piece.cost));
            self.pieces.pop_front();
        }
        done
    }

    fn lose_reader(&mut self) -> Vec<(Stream, u32)> {
        self.closed = true;
        self.written(self.pending.len())
    }
}
