//! What goes with the bytes of a message: flags, addresses, and control messages, `cmsg(3)`.

mod control;

pub(crate) use control::stamp;
pub(super) use control::{ControlWriter, parse};

use super::PeerCredentials;
use crate::file::OpenFile;
use crate::transfer::{Destination, Source};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use linux_raw_sys::net as raw;

bitflags::bitflags! {
    /// `MSG_*` of `send(2)` and `recv(2)`. What Linux's socket does not know it passes over.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct MessageFlags: u32 {
        /// Urgent data.
        const OOB = raw::MSG_OOB;
        /// What is read stays.
        const PEEK = raw::MSG_PEEK;
        /// Only to neighbours.
        const DONTROUTE = raw::MSG_DONTROUTE;
        /// Control messages were cut.
        const CTRUNC = raw::MSG_CTRUNC;
        /// The message was cut, or its own length is wanted.
        const TRUNC = raw::MSG_TRUNC;
        /// Never wait for this one.
        const DONTWAIT = raw::MSG_DONTWAIT;
        /// The end of a record.
        const EOR = raw::MSG_EOR;
        /// As much as there is room for.
        const WAITALL = raw::MSG_WAITALL;
        /// From the queue of errors.
        const ERRQUEUE = raw::MSG_ERRQUEUE;
        /// No `SIGPIPE`.
        const NOSIGNAL = raw::MSG_NOSIGNAL;
        /// More follows.
        const MORE = raw::MSG_MORE;
        /// Wait for the first message alone.
        const WAITFORONE = 0x1_0000;
        /// Descriptors close on `execve(2)`.
        const CMSG_CLOEXEC = raw::MSG_CMSG_CLOEXEC;
        const _ = !0;
    }
}

/// Open files on their way: `SCM_RIGHTS`.
pub type Rights = Vec<Arc<OpenFile>>;

/// Where a datagram came to: `IP_PKTINFO` and `IPV6_PKTINFO`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PacketInformation {
    /// The interface's number.
    pub interface: u32,
    /// The address it was sent to; of an outgoing one, the address it is to come from.
    pub address: IpAddr,
}

/// What is to be sent beside the bytes.
#[derive(Default)]
pub struct Control {
    /// `SCM_RIGHTS`; `Some` also when the list is empty.
    pub rights: Option<Rights>,
    /// `SCM_CREDENTIALS`.
    pub credentials: Option<PeerCredentials>,
    /// `IP_PKTINFO`, `IPV6_PKTINFO`.
    pub packet: Option<PacketInformation>,
    /// `IP_TTL`, `IPV6_HOPLIMIT`.
    pub hop_limit: Option<u8>,
}

/// A message to send.
pub struct Outgoing<'m, 'p> {
    /// Its bytes.
    pub data: &'m mut Source<'p>,
    /// How.
    pub flags: MessageFlags,
    /// Where to; `None`: to the peer.
    pub to: Option<&'m [u8]>,
    /// What goes with it.
    pub control: Control,
}

impl<'m, 'p> Outgoing<'m, 'p> {
    /// Bytes for the peer.
    pub fn plain(data: &'m mut Source<'p>, flags: MessageFlags) -> Self {
        Self { data, flags, to: None, control: Control::default() }
    }
}

/// What a message brought beside the bytes.
#[derive(Default)]
pub struct Received {
    /// `MSG_EOR`, `MSG_TRUNC`, `MSG_CTRUNC`: what became of it.
    pub flags: u32,
    /// Who sent it; `None`: not told.
    pub from: Option<Vec<u8>>,
    /// Files.
    pub rights: Option<Rights>,
    /// Who sent it, if the receiver wants to know that; also nobody.
    pub credentials: Option<PeerCredentials>,
    /// Where it came to, if the receiver wants to know that.
    pub packet: Option<PacketInformation>,
    /// Its hop limit, if the receiver wants to know that.
    pub hop_limit: Option<u8>,
    /// When it came, in nanoseconds since 1970, if the receiver wants to know that.
    pub time: Option<u64>,
}

/// A message to receive.
pub struct Incoming<'m, 'p> {
    /// Where its bytes go.
    pub data: &'m mut Destination<'p>,
    /// How.
    pub flags: MessageFlags,
    /// What it brought.
    pub received: Received,
}

impl<'m, 'p> Incoming<'m, 'p> {
    /// Bytes, and whatever comes with them.
    pub fn plain(data: &'m mut Destination<'p>, flags: MessageFlags) -> Self {
        Self { data, flags, received: Received::default() }
    }

    /// Whether the message stays where it is.
    pub fn peeks(&self) -> bool {
        self.flags.contains(MessageFlags::PEEK)
    }

    /// Puts a whole message of `bytes` bytes, with a copy of the first of them; says that it was cut where there is no
    /// room. Gives what the call answers. `EFAULT`.
    pub fn put_message(&mut self, bytes: &[u8]) -> crate::Result<usize> {
        let count = self.data.put(bytes)?;
        if count < bytes.len() {
            self.received.flags |= raw::MSG_TRUNC;
        }
        Ok(if self.flags.contains(MessageFlags::TRUNC) { bytes.len() } else { count })
    }
}
