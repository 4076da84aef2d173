//! Options of the level `SOL_SOCKET`, `socket(7)`.

use super::{PeerCredentials, Socket};
use crate::errno::{Errno, Result};
use crate::thread::Thread;
use crate::time::{SECOND, clock::TimeVal};
use alloc::vec::Vec;
use linux_raw_sys::general::{CAP_NET_ADMIN, CAP_NET_RAW};
use linux_raw_sys::net as raw;
use zerocopy::{FromBytes, IntoBytes};

/// What a buffer holds when nobody says otherwise: Linux's `net.core.wmem_default`.
const DEFAULT_BUFFER: u32 = 212_992;
/// What `SO_RCVBUF` and `SO_SNDBUF` take at most: `net.core.rmem_max`; twice as much is granted.
const MAXIMUM_BUFFER: u32 = 212_992;
/// The least: Linux's `SOCK_MIN_RCVBUF` and `SOCK_MIN_SNDBUF`.
const MINIMUM_RECEIVE: u32 = 2304;
const MINIMUM_SEND: u32 = 4608;

/// The options.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Settings {
    pub debug: bool,
    pub reuse_address: bool,
    pub reuse_port: bool,
    pub keep_alive: bool,
    pub broadcast: bool,
    pub out_of_band_inline: bool,
    pub dont_route: bool,
    pub pass_credentials: bool,
    pub timestamps: bool,
    pub nanosecond_timestamps: bool,
    pub priority: i32,
    pub mark: u32,
    pub receive_low_water: i32,
    /// Seconds to linger after the close; `None`: not asked for.
    pub linger: Option<u32>,
    /// Bytes, as `getsockopt` shows them.
    pub receive_buffer: u32,
    pub send_buffer: u32,
    /// In nanoseconds, 0 for no limit.
    pub receive_timeout: u64,
    pub send_timeout: u64,
    /// The number of the interface it is bound to, 0 for any.
    pub interface: u32,
    /// Whether the program chose the buffers.
    pub receive_buffer_chosen: bool,
    pub send_buffer_chosen: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            debug: false,
            reuse_address: false,
            reuse_port: false,
            keep_alive: false,
            broadcast: false,
            out_of_band_inline: false,
            dont_route: false,
            pass_credentials: false,
            timestamps: false,
            nanosecond_timestamps: false,
            priority: 0,
            mark: 0,
            receive_low_water: 1,
            linger: None,
            receive_buffer: DEFAULT_BUFFER,
            send_buffer: DEFAULT_BUFFER,
            receive_timeout: 0,
            send_timeout: 0,
            interface: 0,
            receive_buffer_chosen: false,
            send_buffer_chosen: false,
        }
    }
}

/// An option's value as an `int`. `EINVAL` when it is shorter.
pub fn integer(value: &[u8]) -> Result<i32> {
    let bytes = value.first_chunk().ok_or(Errno::EINVAL)?;
    Ok(i32::from_ne_bytes(*bytes))
}

/// A `struct timeval` as nanoseconds, 0 for none. `EDOM`: no such time.
fn time_limit(value: &[u8]) -> Result<u64> {
    let (time, _) = TimeVal::read_from_prefix(value).map_err(|_| Errno::EINVAL)?;
    if !(0..1_000_000).contains(&time.microseconds) {
        return Err(Errno::EDOM);
    }
    // As Linux: a negative time is none at all, and ends at once.
    if time.seconds < 0 {
        return Ok(1);
    }
    Ok((time.seconds as u64).saturating_mul(SECOND).saturating_add(time.microseconds as u64 * 1000))
}

/// `setsockopt(2)` at `SOL_SOCKET`.
pub(super) fn set(thread: &Thread, socket: &dyn Socket, option: u32, value: &[u8]) -> Result<()> {
    let common = socket.common();
    if option == raw::SO_BINDTODEVICE {
        let name = value.split(|&byte| byte == 0).next().unwrap_or_default();
        let interface = match name {
            b"" => 0,
            name => crate::network::interface_by_name(name).ok_or(Errno::ENODEV)?,
        };
        common.settings.lock().interface = interface;
        return Ok(());
    }
    let number = integer(value)?;
    let on = number != 0;
    let may_exceed = || {
        let who = thread.process.credentials();
        if who.has(CAP_NET_ADMIN) { Ok(()) } else { Err(Errno::EPERM) }
    };
    let mut settings = common.settings();
    match option {
        raw::SO_DEBUG => {
            if on && may_exceed().is_err() {
                return Err(Errno::EACCES);
            }
            settings.debug = on;
        }
        raw::SO_REUSEADDR => settings.reuse_address = on,
        raw::SO_REUSEPORT => {
            if on && common.family == raw::AF_UNIX as u16 {
                return Err(Errno::EOPNOTSUPP);
            }
            settings.reuse_port = on;
        }
        raw::SO_KEEPALIVE => settings.keep_alive = on,
        raw::SO_BROADCAST => settings.broadcast = on,
        raw::SO_OOBINLINE => settings.out_of_band_inline = on,
        raw::SO_DONTROUTE => settings.dont_route = on,
        raw::SO_PASSCRED => {
            if common.family != raw::AF_UNIX as u16 && common.family != raw::AF_NETLINK as u16 {
                return Err(Errno::EOPNOTSUPP);
            }
            settings.pass_credentials = on;
        }
        raw::SO_TIMESTAMP_OLD | raw::SO_TIMESTAMP_NEW => {
            settings.timestamps = on;
            settings.nanosecond_timestamps = false;
        }
        raw::SO_TIMESTAMPNS_OLD | raw::SO_TIMESTAMPNS_NEW => {
            settings.timestamps = on;
            settings.nanosecond_timestamps = on;
        }
        raw::SO_PRIORITY => {
            if !(0..=6).contains(&number) {
                may_exceed()?;
            }
            settings.priority = number;
        }
        raw::SO_MARK => {
            may_exceed().or(if thread.process.credentials().has(CAP_NET_RAW) { Ok(()) } else { Err(Errno::EPERM) })?;
            settings.mark = number as u32;
        }
        raw::SO_RCVLOWAT => settings.receive_low_water = if number < 0 { i32::MAX } else { number.max(1) },
        raw::SO_RCVBUF | raw::SO_RCVBUFFORCE => {
            if option == raw::SO_RCVBUFFORCE {
                may_exceed()?;
            }
            let limit = if option == raw::SO_RCVBUF { MAXIMUM_BUFFER } else { i32::MAX as u32 / 2 };
            settings.receive_buffer = ((number as u32).min(limit) * 2).max(MINIMUM_RECEIVE);
            settings.receive_buffer_chosen = true;
        }
        raw::SO_SNDBUF | raw::SO_SNDBUFFORCE => {
            if option == raw::SO_SNDBUFFORCE {
                may_exceed()?;
            }
            let limit = if option == raw::SO_SNDBUF { MAXIMUM_BUFFER } else { i32::MAX as u32 / 2 };
            settings.send_buffer = ((number as u32).min(limit) * 2).max(MINIMUM_SEND);
            settings.send_buffer_chosen = true;
        }
        raw::SO_RCVTIMEO_OLD | raw::SO_RCVTIMEO_NEW => settings.receive_timeout = time_limit(value)?,
        raw::SO_SNDTIMEO_OLD | raw::SO_SNDTIMEO_NEW => settings.send_timeout = time_limit(value)?,
        raw::SO_LINGER => {
            let seconds = integer(value.get(4..).ok_or(Errno::EINVAL)?)?;
            settings.linger = on.then_some(seconds as u32);
        }
        // Says nothing where no other CPU or queue is to be chosen.
        raw::SO_INCOMING_CPU | raw::SO_BUSY_POLL | raw::SO_BSDCOMPAT | raw::SO_NO_CHECK => {}
        raw::SO_TYPE | raw::SO_ERROR | raw::SO_PROTOCOL | raw::SO_DOMAIN | raw::SO_ACCEPTCONN => {
            return Err(Errno::ENOPROTOOPT);
        }
        _ => return socket.set_option(thread, raw::SOL_SOCKET, option, value),
    }
    *common.settings.lock() = settings;
    socket.settings_changed();
    Ok(())
}

fn time_value(nanoseconds: u64) -> Vec<u8> {
    TimeVal::new(nanoseconds).as_bytes().to_vec()
}

/// `struct ucred`.
pub(super) fn credentials_bytes(who: PeerCredentials) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..4].copy_from_slice(&who.pid.to_ne_bytes());
    bytes[4..8].copy_from_slice(&who.uid.to_ne_bytes());
    bytes[8..].copy_from_slice(&who.gid.to_ne_bytes());
    bytes
}

/// `getsockopt(2)` at `SOL_SOCKET`.
pub(super) fn get(socket: &dyn Socket, option: u32) -> Result<Vec<u8>> {
    let common = socket.common();
    let settings = common.settings();
    let number = match option {
        raw::SO_DEBUG => settings.debug.into(),
        raw::SO_REUSEADDR => settings.reuse_address.into(),
        raw::SO_REUSEPORT => settings.reuse_port.into(),
        raw::SO_KEEPALIVE => settings.keep_alive.into(),
        raw::SO_BROADCAST => settings.broadcast.into(),
        raw::SO_OOBINLINE => settings.out_of_band_inline.into(),
        raw::SO_DONTROUTE => settings.dont_route.into(),
        raw::SO_PASSCRED => settings.pass_credentials.into(),
        raw::SO_TIMESTAMP_OLD | raw::SO_TIMESTAMP_NEW => {
            (settings.timestamps && !settings.nanosecond_timestamps).into()
        }
        raw::SO_TIMESTAMPNS_OLD | raw::SO_TIMESTAMPNS_NEW => settings.nanosecond_timestamps.into(),
        raw::SO_PRIORITY => settings.priority,
        raw::SO_MARK => settings.mark as i32,
        raw::SO_RCVLOWAT => settings.receive_low_water,
        raw::SO_SNDLOWAT => 1,
        raw::SO_RCVBUF => settings.receive_buffer as i32,
        raw::SO_SNDBUF => settings.send_buffer as i32,
        raw::SO_TYPE => common.style.number() as i32,
        raw::SO_PROTOCOL => common.protocol.into(),
        raw::SO_DOMAIN => common.family.into(),
        raw::SO_ACCEPTCONN => socket.is_listening().into(),
        raw::SO_ERROR => common.take_error().map_or(0, |errno| errno.number().into()),
        raw::SO_BINDTOIFINDEX => settings.interface as i32,
        raw::SO_INCOMING_CPU | raw::SO_BUSY_POLL | raw::SO_BSDCOMPAT | raw::SO_NO_CHECK => 0,
        raw::SO_RCVTIMEO_OLD | raw::SO_RCVTIMEO_NEW => return Ok(time_value(settings.receive_timeout)),
        raw::SO_SNDTIMEO_OLD | raw::SO_SNDTIMEO_NEW => return Ok(time_value(settings.send_timeout)),
        raw::SO_LINGER => {
            let pair = [i32::from(settings.linger.is_some()), settings.linger.unwrap_or(0) as i32];
            return Ok(pair.as_bytes().to_vec());
        }
        raw::SO_COOKIE => return Ok(common.number.to_ne_bytes().to_vec()),
        raw::SO_PEERCRED => return Ok(credentials_bytes(socket.peer_credentials()).to_vec()),
        raw::SO_PEERNAME => return socket.peer_address(),
        raw::SO_BINDTODEVICE => {
            let mut name = crate::network::interface_name(settings.interface).to_vec();
            if !name.is_empty() {
                name.push(0);
            }
            return Ok(name);
        }
        _ => return socket.option(raw::SOL_SOCKET, option),
    };
    Ok(number.to_ne_bytes().to_vec())
}
