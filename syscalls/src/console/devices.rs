//! The console in `/dev`, and the first program's descriptors.

use super::{Console, StandardStream};
use crate::errno::{Errno, Result};
use crate::file::{File, FileTable, OpenFile, OpenFlags, StatusFlags};
use crate::filesystem::{How, Kind, Walk, devfs, device_number, namespace, open_entry};
use crate::machine::machine;
use crate::process::Credentials;
use crate::process::session::{ControllingTerminal, take_terminal};
use crate::transfer::{Destination, Source};
use crate::wire::Stream;
use alloc::sync::Arc;
use birgus_loader::handover::Terminal;
use linux_raw_sys::general::{O_RDONLY, O_WRONLY};

/// `/dev/console`, `console(4)`: what descriptors on the terminal are.
pub(super) const CONSOLE_DEVICE: u64 = device_number(5, 1);
/// `/dev/tty`, `tty(4)`: the opener's controlling terminal.
const CONTROLLING_TERMINAL: u64 = device_number(5, 0);
/// `/dev/ttyS0`, `ttyS(4)`.
const SERIAL: u64 = device_number(4, 64);
/// The first program's limit of descriptors, until its own is set.
const DESCRIPTORS: u64 = 1024;

/// Adds the devices. Once, before anybody looks into `/dev`.
pub(super) fn register(console: &'static Console, is_serial: bool) {
    devfs::register("tty", Kind::Character, CONTROLLING_TERMINAL, 0o666, |flags| {
        machine().current().process.terminal().ok_or(Errno::ENXIO)?.open(flags)
    });
    devfs::register("console", Kind::Character, CONSOLE_DEVICE, 0o600, move |flags| match console.tty.get() {
        Some(tty) => tty.clone().open(flags),
        None => Ok(Arc::new(Message(StandardStream::new(console, Stream::Error)))),
    });
    if is_serial {
        devfs::register("ttyS0", Kind::Character, SERIAL, 0o660, move |flags| {
            let tty = console.tty.get().ok_or(Errno::ENXIO)?.clone();
            if !flags.contains(OpenFlags::O_NOCTTY) {
                let terminal: Arc<dyn ControllingTerminal> = tty.clone();
                // Who has one, or leads no session, opens it all the same.
                let _ = take_terminal(&machine().current().process, &terminal, false);
            }
            tty.open(flags)
        });
    }
}

/// Descriptors 0, 1 and 2: those on the terminal share one description, as a shell hands it down.
pub(super) fn standard_files(console: &'static Console, terminal: Option<Terminal>) -> Result<Arc<FileTable>> {
    let files = FileTable::new(DESCRIPTORS);
    let on_terminal = terminal.map(|_| open_console()).transpose()?;
    let streams = [(Stream::Input, O_RDONLY), (Stream::Output, O_WRONLY), (Stream::Error, O_WRONLY)];
    for (number, (stream, flags)) in (0..).zip(streams) {
        let open = match &on_terminal {
            Some(open) if terminal.is_some_and(|terminal| terminal.has(number)) => open.clone(),
            _ => {
                let file = Arc::new(StandardStream::new(console, stream));
                OpenFile::new(file, StatusFlags::from_bits_retain(flags))
            }
        };
        files.install(open, false)?;
    }
    Ok(files)
}

/// Opens `/dev/console` for reading and writing.
fn open_console() -> Result<Arc<OpenFile>> {
    let root = namespace().root();
    let entry = Walk::from(root.clone(), root, Credentials::root()).entry(b"/dev/console", true)?;
    open_entry(&Credentials::root(), entry, false, How::open(OpenFlags::O_RDWR, 0)?)
}

/// `/dev/console` where there is no terminal: messages for people go to standard error, nothing comes in.
struct Message(StandardStream);

impl File for Message {
    fn read(&self, _: &mut Destination<'_>, _: u64) -> Result<usize> {
        Ok(0)
    }

    fn write(&self, from: &mut Source<'_>, offset: u64) -> Result<usize> {
        self.0.write(from, offset)
    }

    fn is_stream(&self) -> bool {
        true
    }

    fn writes_whole(&self) -> bool {
        true
    }

    fn poll(&self) -> crate::file::Events {
        self.0.poll() | crate::file::Events::IN
    }

    fn queue(&self) -> Option<&crate::wait::WaitQueue> {
        self.0.queue()
    }
}
