//! `SOCK_DGRAM` of `AF_UNIX`: messages that do not get lost; who sends to a full socket waits.

use super::{InFlight, UNKNOWN_SENDER, Unix, name, rights};
use crate::errno::{Errno, Result};
use crate::file::Events;
use crate::socket::Shutdown;
use crate::socket::message::{Incoming, Outgoing};
use crate::socket::stream::Attachment;
use crate::thread::Thread;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

/// `net.unix.max_dgram_qlen`: as many may wait, and one.
const QUEUE: usize = 10;

struct Datagram {
    bytes: Vec<u8>,
    from: Option<Arc<[u8]>>,
    attachment: Attachment,
}

/// What a socket has received, and whom it talks to.
#[derive(Default)]
pub(super) struct Inbox {
    peer: Option<Weak<Unix>>,
    waiting: VecDeque<Datagram>,
    /// Who wants to send and found no room.
    senders: Vec<Weak<Unix>>,
    refuses: bool,
    is_silent: bool,
    is_closed: bool,
}

impl Inbox {
    /// Sets whom it talks to.
    pub(super) fn set_peer(&mut self, peer: Option<&Arc<Unix>>) {
        self.peer = peer.map(Arc::downgrade);
    }

    /// Whom it talks to.
    pub(super) fn peer(&self) -> Option<Arc<Unix>> {
        self.peer.as_ref().and_then(Weak::upgrade)
    }

    /// Bytes of the first datagram.
    pub(super) fn next_length(&self) -> usize {
        self.waiting.front().map_or(0, |datagram| datagram.bytes.len())
    }

    pub(super) fn shutdown(&mut self, how: Shutdown) {
        self.refuses |= how.read;
        self.is_silent |= how.write;
    }

    fn is_full(&self) -> bool {
        self.waiting.len() > QUEUE
    }

    /// Whether it takes messages of `sender`: of anyone, or if it is connected, of its peer.
    fn accepts(&self, sender: &Weak<Unix>) -> bool {
        self.peer.as_ref().is_none_or(|peer| peer.ptr_eq(sender))
    }
}

impl Unix {
    pub(super) fn connect_datagrams(&self, thread: &Thread, address: &[u8]) -> Result<()> {
        let peer = name::find(thread, address)?;
        if peer.common.style != self.common.style {
            return Err(Errno::EPROTOTYPE);
        }
        if !core::ptr::eq(&*peer, self) && !peer.inbox.lock().accepts(&self.this) {
            return Err(Errno::EPERM);
        }
        self.inbox.lock().set_peer(Some(&peer));
        Ok(())
    }

    /// Sends one. `EAGAIN` when the receiver is full, `ECONNREFUSED` when it is gone, `EPERM`, `EPIPE`, `EMSGSIZE`.
    pub(super) fn send_datagram(&self, message: &mut Outgoing<'_, '_>) -> Result<usize> {
        if message.flags.contains(crate::socket::message::MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.bind_if_answered()?;
        let length = message.data.remaining();
        if length + 32 > self.common.settings().send_buffer as usize {
            return Err(Errno::EMSGSIZE);
        }
        let receiver = match message.to {
            Some(address) => {
                let receiver = name::find(&crate::machine::machine().current(), address)?;
                if receiver.common.style != self.common.style {
                    return Err(Errno::EPROTOTYPE);
                }
                receiver
            }
            None => {
                let mut inbox = self.inbox.lock();
                let Some(peer) = inbox.peer.as_ref() else { return Err(Errno::ENOTCONN) };
                match peer.upgrade().filter(|peer| !peer.state.lock().is_closed) {
                    Some(peer) => peer,
                    None => {
                        inbox.peer = None;
                        return Err(Errno::ECONNREFUSED);
                    }
                }
            }
        };
        if self.inbox.lock().is_silent {
            return Err(Errno::EPIPE);
        }
        {
            let mut inbox = receiver.inbox.lock();
            if !inbox.accepts(&self.this) {
                return Err(Errno::EPERM);
            }
            if inbox.refuses {
                return Err(Errno::EPIPE);
            }
            if inbox.is_full() && !core::ptr::eq(&*receiver, self) {
                inbox.senders.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&self.this));
                inbox.senders.push(self.this.clone());
                return Err(Errno::EAGAIN);
            }
        }
        let rights = rights::send(&message.control.rights)?;
        let credentials = message.control.credentials.or_else(|| self.sender(&receiver.common));
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| Errno::ENOBUFS)?;
        bytes.resize(length, 0);
        message.data.take(&mut bytes)?;
        let datagram = Datagram { bytes, from: self.address(), attachment: Attachment { rights, credentials } };
        {
            let mut inbox = receiver.inbox.lock();
            if inbox.is_closed {
                return Err(Errno::ECONNREFUSED);
            }
            inbox.waiting.try_reserve(1).map_err(|_| Errno::ENOBUFS)?;
            inbox.waiting.push_back(datagram);
        }
        message.control.rights = None;
        receiver.common.queue.wake(Events::IN);
        Ok(length)
    }

    /// Receives one. 0 after a shutdown. `EAGAIN`.
    pub(super) fn receive_datagram(&self, message: &mut Incoming<'_, '_>) -> Result<usize> {
        if message.flags.contains(crate::socket::message::MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let by_sender = self.common.settings().pass_credentials;
        let mut inbox = self.inbox.lock();
        let Some(datagram) = inbox.waiting.pop_front() else {
            let refuses = inbox.refuses;
            drop(inbox);
            self.common.check_error()?;
            return if refuses { Ok(0) } else { Err(Errno::EAGAIN) };
        };
        let senders = if message.peeks() { Vec::new() } else { core::mem::take(&mut inbox.senders) };
        drop(inbox);
        let outcome = message.put_message(&datagram.bytes);
        let Datagram { bytes, from, attachment } = datagram;
        let peeks = message.peeks();
        let received = &mut message.received;
        received.from = Some(from.as_ref().map_or_else(Vec::new, |address| address.to_vec()));
        if by_sender {
            received.credentials = Some(attachment.credentials.unwrap_or(UNKNOWN_SENDER));
        }
        if peeks {
            received.rights = attachment.rights.clone().map(InFlight::arrive);
            self.inbox.lock().waiting.push_front(Datagram { bytes, from, attachment });
        } else {
            received.rights = attachment.rights.map(InFlight::arrive);
        }
        for sender in senders.iter().filter_map(Weak::upgrade) {
            sender.common.queue.wake_all();
        }
        outcome
    }

    pub(super) fn poll_datagrams(&self) -> Events {
        let (mut events, peer) = {
            let inbox = self.inbox.lock();
            let mut events = Events::empty();
            events.set(Events::IN, !inbox.waiting.is_empty() || inbox.refuses);
            events.set(Events::RDHUP, inbox.refuses);
            events.set(Events::HUP, inbox.refuses && inbox.is_silent);
            (events, inbox.peer())
        };
        let has_room = match peer {
            Some(peer) if !core::ptr::eq(&*peer, self) => {
                let mut inbox = peer.inbox.lock();
                let full = inbox.is_full();
                if full && !inbox.senders.iter().any(|other| other.ptr_eq(&self.this)) {
                    inbox.senders.push(self.this.clone());
                }
                !full
            }
            _ => true,
        };
        events.set(Events::OUT, has_room);
        events
    }

    pub(super) fn close_datagrams(&self) {
        let mut inbox = self.inbox.lock();
        inbox.is_closed = true;
        let lost = core::mem::take(&mut inbox.waiting);
        let senders = core::mem::take(&mut inbox.senders);
        drop(inbox);
        // What was attached may close further sockets.
        drop(lost);
        for sender in senders.iter().filter_map(Weak::upgrade) {
            sender.common.queue.wake_all();
        }
    }
}
