//! Control messages as bytes: `struct cmsghdr` and what is behind it.

use super::{Control, PacketInformation, Received, Rights};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::machine::machine;
use crate::process::registry;
use crate::socket::options::credentials_bytes;
use crate::socket::{Common, PeerCredentials};
use crate::thread::Thread;
use crate::time::SECOND;
use crate::user::copy_out;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use linux_raw_sys::general::{CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN};
use linux_raw_sys::net as raw;

/// `sizeof(struct cmsghdr)`.
const HEADER: usize = 16;
/// What a header's length and a message's data are aligned to.
const ALIGNMENT: usize = 8;
const SCM_RIGHTS: u32 = 1;
const SCM_CREDENTIALS: u32 = 2;
/// Most files in a message.
const MOST_RIGHTS: usize = 253;

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn number(bytes: &[u8], at: usize) -> Result<i32> {
    field(bytes, at).map(i32::from_ne_bytes).ok_or(Errno::EINVAL)
}

/// Reads what a program sends. `EINVAL`, `EBADF`, `EPERM`, `ESRCH`.
pub(in crate::socket) fn parse(thread: &Thread, common: &Common, bytes: &[u8]) -> Result<Control> {
    let mut control = Control::default();
    let mut rest = bytes;
    while rest.len() >= HEADER {
        let length = field(rest, 0).map(u64::from_ne_bytes).ok_or(Errno::EINVAL)?;
        let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
        if length < HEADER || length > rest.len() {
            return Err(Errno::EINVAL);
        }
        let (level, kind) = (number(rest, 8)? as u32, number(rest, 12)? as u32);
        let data = &rest[HEADER..length];
        match (u32::from(common.family), level, kind) {
            (raw::AF_UNIX, raw::SOL_SOCKET, SCM_RIGHTS) => add_rights(thread, &mut control, data)?,
            (raw::AF_UNIX | raw::AF_NETLINK, raw::SOL_SOCKET, SCM_CREDENTIALS) => {
                control.credentials = Some(claimed(thread, data)?);
            }
            (raw::AF_UNIX | raw::AF_NETLINK, raw::SOL_SOCKET, _) => return Err(Errno::EINVAL),
            (raw::AF_INET, raw::SOL_IP, raw::IP_PKTINFO) => {
                let address = field(data, 4).map(Ipv4Addr::from).ok_or(Errno::EINVAL)?;
                control.packet =
                    Some(PacketInformation { interface: number(data, 0)? as u32, address: IpAddr::V4(address) });
            }
            (raw::AF_INET6, raw::SOL_IPV6, raw::IPV6_PKTINFO) => {
                let address = field(data, 0).map(|bytes: [u8; 16]| Ipv6Addr::from(bytes)).ok_or(Errno::EINVAL)?;
                control.packet =
                    Some(PacketInformation { interface: number(data, 16)? as u32, address: address.to_canonical() });
            }
            (raw::AF_INET, raw::SOL_IP, raw::IP_TTL) | (raw::AF_INET6, raw::SOL_IPV6, raw::IPV6_HOPLIMIT) => {
                control.hop_limit = Some(u8::try_from(number(data, 0)?).map_err(|_| Errno::EINVAL)?);
            }
            (raw::AF_INET | raw::AF_INET6, raw::SOL_IP | raw::SOL_IPV6, _) => return Err(Errno::EINVAL),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
    }
    Ok(control)
}

fn add_rights(thread: &Thread, control: &mut Control, data: &[u8]) -> Result<()> {
    let rights = control.rights.get_or_insert_with(Rights::new);
    if rights.len() + data.len() / 4 > MOST_RIGHTS {
        return Err(Errno::EINVAL);
    }
    for bytes in data.chunks_exact(4) {
        let open = thread.files().get(Fd(number(bytes, 0)?))?;
        open.check_not_path()?;
        rights.push(open);
    }
    Ok(())
}

/// Credentials that a program claims to have: they must be its own, unless it may lie.
fn claimed(thread: &Thread, data: &[u8]) -> Result<PeerCredentials> {
    if data.len() != 12 {
        return Err(Errno::EINVAL);
    }
    let claimed = PeerCredentials { pid: number(data, 0)?, uid: number(data, 4)? as u32, gid: number(data, 8)? as u32 };
    let who = thread.process.credentials();
    let is_one = |wanted: u32, identity: &crate::process::Identity| {
        [identity.real, identity.effective, identity.saved].contains(&wanted)
    };
    if claimed.pid != thread.process.id && !who.has(CAP_SYS_ADMIN)
        || !is_one(claimed.uid, &who.user) && !who.has(CAP_SETUID)
        || !is_one(claimed.gid, &who.group) && !who.has(CAP_SETGID)
    {
        return Err(Errno::EPERM);
    }
    if registry::find(claimed.pid).is_none() {
        return Err(Errno::ESRCH);
    }
    Ok(claimed)
}

/// Writes control messages into a program's buffer.
pub(in crate::socket) struct ControlWriter<'a> {
    thread: &'a Thread,
    start: u64,
    room: usize,
    written: usize,
    truncated: bool,
}

impl<'a> ControlWriter<'a> {
    /// Into `length` bytes at `address`; address 0 is no room.
    pub(in crate::socket) fn new(thread: &'a Thread, address: u64, length: usize) -> Self {
        let room = if address == 0 { 0 } else { length };
        Self { thread, start: address, room, written: 0, truncated: false }
    }

    /// Writes all that a message brought; gives the bytes written and whether some had no room. `EFAULT`.
    pub(in crate::socket) fn write_all(
        mut self,
        common: &Common,
        received: &mut Received,
        close_on_exec: bool,
    ) -> Result<(usize, bool)> {
        if let Some(time) = received.time {
            let settings = common.settings();
            let unit = if settings.nanosecond_timestamps { 1 } else { 1000 };
            let kind = if settings.nanosecond_timestamps { raw::SO_TIMESTAMPNS_OLD } else { raw::SO_TIMESTAMP_OLD };
            let mut data = [0; 16];
            data[..8].copy_from_slice(&(time / SECOND).to_ne_bytes());
            data[8..].copy_from_slice(&(time % SECOND / unit).to_ne_bytes());
            self.put(raw::SOL_SOCKET, kind, &data)?;
        }
        if let Some(credentials) = received.credentials {
            self.put(raw::SOL_SOCKET, SCM_CREDENTIALS, &credentials_bytes(credentials))?;
        }
        if let Some(rights) = received.rights.take() {
            self.put_rights(rights, close_on_exec)?;
        }
        if let Some(packet) = received.packet {
            self.put_packet(common, packet)?;
        }
        if let Some(limit) = received.hop_limit {
            let data = i32::from(limit).to_ne_bytes();
            match u32::from(common.family) {
                raw::AF_INET => self.put(raw::SOL_IP, raw::IP_TTL, &data)?,
                _ => self.put(raw::SOL_IPV6, raw::IPV6_HOPLIMIT, &data)?,
            }
        }
        Ok((self.written, self.truncated))
    }

    fn header(&self, length: usize, level: u32, kind: u32) -> Result<()> {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&(length as u64).to_ne_bytes());
        header[8..12].copy_from_slice(&level.to_ne_bytes());
        header[12..].copy_from_slice(&kind.to_ne_bytes());
        copy_out(self.thread, self.start + self.written as u64, &header)
    }

    fn left(&self) -> usize {
        self.room - self.written
    }

    fn advance(&mut self, length: usize) {
        self.written += length.next_multiple_of(ALIGNMENT).min(self.left());
    }

    fn put(&mut self, level: u32, kind: u32, data: &[u8]) -> Result<()> {
        if self.left() < HEADER {
            self.truncated = true;
            return Ok(());
        }
        let length = (HEADER + data.len()).min(self.left());
        self.truncated |= length < HEADER + data.len();
        self.header(length, level, kind)?;
        copy_out(self.thread, self.start + (self.written + HEADER) as u64, &data[..length - HEADER])?;
        self.advance(length);
        Ok(())
    }

    fn put_rights(&mut self, rights: Rights, close_on_exec: bool) -> Result<()> {
        let fitting = self.left().saturating_sub(HEADER) / 4;
        let wanted = rights.len();
        let mut numbers: Vec<u8> = Vec::new();
        for open in rights.into_iter().take(fitting) {
            // A full table cuts the list as a short buffer does.
            let Ok(fd) = self.thread.files().install(open, close_on_exec) else { break };
            numbers.extend_from_slice(&fd.0.to_ne_bytes());
        }
        self.truncated |= numbers.len() / 4 < wanted || wanted == 0 && self.room == 0;
        if !numbers.is_empty() {
            self.header(HEADER + numbers.len(), raw::SOL_SOCKET, SCM_RIGHTS)?;
            copy_out(self.thread, self.start + (self.written + HEADER) as u64, &numbers)?;
            self.advance(HEADER + numbers.len());
        }
        Ok(())
    }

    fn put_packet(&mut self, common: &Common, packet: PacketInformation) -> Result<()> {
        match (u32::from(common.family), packet.address) {
            (raw::AF_INET, IpAddr::V4(address)) => {
                let mut data = [0; 12];
                data[..4].copy_from_slice(&packet.interface.to_ne_bytes());
                data[4..8].copy_from_slice(&address.octets());
                data[8..].copy_from_slice(&address.octets());
                self.put(raw::SOL_IP, raw::IP_PKTINFO, &data)
            }
            (_, address) => {
                let octets = match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                    IpAddr::V6(address) => address.octets(),
                };
                let mut data = [0; 20];
                data[..16].copy_from_slice(&octets);
                data[16..].copy_from_slice(&packet.interface.to_ne_bytes());
                self.put(raw::SOL_IPV6, raw::IPV6_PKTINFO, &data)
            }
        }
    }
}

/// The time as messages are stamped with it.
pub(crate) fn stamp() -> u64 {
    machine().monotonic().0.wrapping_add(machine().realtime_offset())
}
