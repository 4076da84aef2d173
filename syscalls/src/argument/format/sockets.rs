//! Sockets.

use super::bytes::{quoted, vectors};
use super::machinery::{filled, given, list, named_bits, named_numbers, names, peek, peek_bytes, succeeded};
use super::pointer;
use crate::argument::{Call, format_bits};
use core::fmt::{self, Write};
use core::net::{Ipv4Addr, Ipv6Addr};
use linux_raw_sys::general::{O_CLOEXEC, O_NONBLOCK};
use linux_raw_sys::net::*;

const SOCK_CLOEXEC: u32 = O_CLOEXEC;
const SOCK_NONBLOCK: u32 = O_NONBLOCK;
const MSG_BATCH: u32 = 0x4_0000;
const MSG_ZEROCOPY: u32 = 0x400_0000;
const MSG_FASTOPEN: u32 = 0x2000_0000;

named_numbers! {
    /// A socket's family.
    socket_family: i32 {
        AF_UNSPEC AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_ALG AF_VSOCK AF_BLUETOOTH AF_CAN AF_KEY AF_TIPC
        AF_XDP AF_RDS AF_QIPCRTR AF_SMC
    }
    /// A socket's type without its flags.
    socket_kind: u32 { SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET }
    /// A protocol of the Internet.
    protocol_of_inet: i32 {
        IPPROTO_IP IPPROTO_ICMP IPPROTO_IGMP IPPROTO_TCP IPPROTO_UDP IPPROTO_IPV6 IPPROTO_SCTP IPPROTO_UDPLITE
        IPPROTO_RAW IPPROTO_ICMPV6 IPPROTO_MPTCP
    }
    /// `shutdown(2)`'s way.
    shutdown_how: u32 { SHUT_RD SHUT_WR SHUT_RDWR }
    /// `setsockopt(2)`'s level.
    socket_level: u32 {
        SOL_SOCKET SOL_IP SOL_TCP SOL_UDP SOL_IPV6 SOL_ICMPV6 SOL_SCTP SOL_UDPLITE SOL_RAW SOL_PACKET SOL_NETLINK
        SOL_ALG SOL_TLS SOL_MPTCP
    }
    /// An option at the level `SOL_SOCKET`.
    option_of_socket: u32 {
        SO_DEBUG SO_REUSEADDR SO_TYPE SO_ERROR SO_DONTROUTE SO_BROADCAST SO_SNDBUF SO_RCVBUF SO_SNDBUFFORCE
        SO_RCVBUFFORCE SO_KEEPALIVE SO_OOBINLINE SO_NO_CHECK SO_PRIORITY SO_LINGER SO_BSDCOMPAT SO_REUSEPORT
        SO_PASSCRED SO_PEERCRED SO_RCVLOWAT SO_SNDLOWAT SO_RCVTIMEO_OLD SO_SNDTIMEO_OLD SO_BINDTODEVICE
        SO_ATTACH_FILTER SO_DETACH_FILTER SO_PEERNAME SO_TIMESTAMP_OLD SO_ACCEPTCONN SO_PEERSEC SO_PASSSEC
        SO_TIMESTAMPNS_OLD SO_MARK SO_TIMESTAMPING_OLD SO_PROTOCOL SO_DOMAIN SO_RXQ_OVFL SO_PEEK_OFF SO_LOCK_FILTER
        SO_BUSY_POLL SO_MAX_PACING_RATE SO_INCOMING_CPU SO_ATTACH_BPF SO_ATTACH_REUSEPORT_CBPF
        SO_ATTACH_REUSEPORT_EBPF SO_MEMINFO SO_INCOMING_NAPI_ID SO_COOKIE SO_PEERGROUPS SO_ZEROCOPY SO_TXTIME
        SO_BINDTOIFINDEX SO_TIMESTAMP_NEW SO_TIMESTAMPNS_NEW SO_TIMESTAMPING_NEW SO_RCVTIMEO_NEW SO_SNDTIMEO_NEW
        SO_PREFER_BUSY_POLL SO_NETNS_COOKIE SO_BUF_LOCK SO_RESERVE_MEM SO_TXREHASH SO_RCVMARK SO_PASSPIDFD
        SO_PEERPIDFD
    }
    /// An option at the level `SOL_IP`.
    option_of_ip: u32 {
        IP_TOS IP_TTL IP_HDRINCL IP_OPTIONS IP_RECVOPTS IP_RETOPTS IP_PKTINFO IP_MTU_DISCOVER IP_RECVERR IP_RECVTTL
        IP_RECVTOS IP_MTU IP_FREEBIND IP_TRANSPARENT IP_MINTTL IP_BIND_ADDRESS_NO_PORT IP_MULTICAST_IF
        IP_MULTICAST_TTL IP_MULTICAST_LOOP IP_ADD_MEMBERSHIP IP_DROP_MEMBERSHIP IP_LOCAL_PORT_RANGE
    }
    /// An option at the level `SOL_IPV6`.
    option_of_ipv6: u32 {
        IPV6_ADDRFORM IPV6_CHECKSUM IPV6_UNICAST_HOPS IPV6_MULTICAST_IF IPV6_MULTICAST_HOPS IPV6_MULTICAST_LOOP
        IPV6_ADD_MEMBERSHIP IPV6_DROP_MEMBERSHIP IPV6_MTU_DISCOVER IPV6_MTU IPV6_RECVERR IPV6_V6ONLY IPV6_RECVPKTINFO
        IPV6_PKTINFO IPV6_RECVHOPLIMIT IPV6_HOPLIMIT IPV6_DONTFRAG IPV6_RECVTCLASS IPV6_TCLASS IPV6_FREEBIND
    }
    /// An option at the level `SOL_TCP`.
    option_of_tcp: u32 {
        TCP_NODELAY TCP_MAXSEG TCP_CORK TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT TCP_SYNCNT TCP_LINGER2
        TCP_DEFER_ACCEPT TCP_WINDOW_CLAMP TCP_INFO TCP_QUICKACK TCP_CONGESTION TCP_MD5SIG TCP_USER_TIMEOUT TCP_REPAIR
        TCP_FASTOPEN TCP_TIMESTAMP TCP_NOTSENT_LOWAT TCP_CC_INFO TCP_SAVE_SYN TCP_SAVED_SYN TCP_FASTOPEN_CONNECT
        TCP_ULP TCP_FASTOPEN_KEY TCP_FASTOPEN_NO_COOKIE TCP_ZEROCOPY_RECEIVE TCP_INQ TCP_TX_DELAY
    }
}

named_bits! {
    /// `send(2)`'s and `recv(2)`'s flags.
    message_flags: u32 {
        MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_PROBE MSG_TRUNC MSG_DONTWAIT MSG_EOR MSG_WAITALL MSG_FIN MSG_SYN
        MSG_CONFIRM MSG_RST MSG_ERRQUEUE MSG_NOSIGNAL MSG_MORE MSG_BATCH MSG_ZEROCOPY MSG_FASTOPEN MSG_CMSG_CLOEXEC
    }
    /// `accept4(2)`'s flags.
    socket_flags: u32 { SOCK_CLOEXEC SOCK_NONBLOCK }
}

/// A socket's type with the flags in it.
pub fn socket_type(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    socket_kind(raw & 0xf, call, out)?;
    match u64::from(raw as u32 & !0xf) {
        0 => Ok(()),
        flags => {
            out.write_char('|')?;
            format_bits(flags, names! { SOCK_CLOEXEC SOCK_NONBLOCK }, out)
        }
    }
}

/// A socket's protocol; the first argument is the family.
pub fn socket_protocol(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.arguments[0] as u32 {
        AF_INET | AF_INET6 => protocol_of_inet(raw, call, out),
        _ => write!(out, "{}", raw as i32),
    }
}

/// `setsockopt(2)`'s option; the level is the argument before.
pub fn socket_option(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match call.neighbour(-1) as u32 {
        SOL_SOCKET => option_of_socket(raw, call, out),
        SOL_IP => option_of_ip(raw, call, out),
        SOL_IPV6 => option_of_ipv6(raw, call, out),
        SOL_TCP => option_of_tcp(raw, call, out),
        _ => write!(out, "{}", raw as i32),
    }
}

/// Writes an option's value of `length` bytes.
fn show_option(address: u64, length: u32, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match length {
        4 => given::<i32>(address, call, out, |value, _, out| write!(out, "[{value}]")),
        8 if call.arguments[1] as u32 == SOL_SOCKET && call.arguments[2] as u32 == SO_LINGER => {
            given::<[i32; 2]>(address, call, out, |[on, seconds], _, out| {
                write!(out, "{{l_onoff={on}, l_linger={seconds}}}")
            })
        }
        _ => {
            let mut bytes = [0; 32];
            let shown = &mut bytes[..(length as usize).min(32)];
            match peek_bytes(call, address, shown) {
                Some(()) => quoted(shown, out),
                None => pointer(address, call, out),
            }
        }
    }
}

/// `setsockopt(2)`'s value; its length is the next argument.
pub fn option_value(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    show_option(raw, call.neighbour(1) as u32, call, out)
}

/// `getsockopt(2)`'s value; its length stands where the next argument points.
pub fn option_value_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match (succeeded(call)?, peek::<u32>(call, call.neighbour(1))) {
        (true, Some(length)) => show_option(raw, length, call, out),
        _ => pointer(raw, call, out),
    }
}

/// Writes a socket address of `length` bytes.
fn show_address(address: u64, length: u32, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let mut bytes = [0; 128];
    let length = (length as usize).min(bytes.len());
    let shown = &mut bytes[..length];
    if length < 2 || peek_bytes(call, address, shown).is_none() {
        return pointer(address, call, out);
    }
    let family = u16::from_ne_bytes([bytes[0], bytes[1]]);
    out.write_str("{sa_family=")?;
    socket_family(family.into(), call, out)?;
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    match u32::from(family) {
        AF_INET if length >= 8 => {
            let address = Ipv4Addr::new(bytes[4], bytes[5], bytes[6], bytes[7]);
            write!(out, ", sin_port=htons({port}), sin_addr=inet_addr(\"{address}\")")?;
        }
        AF_INET6 if length >= 24 => {
            let address: [u8; 16] = core::array::from_fn(|index| bytes[8 + index]);
            write!(out, ", sin6_port=htons({port}), sin6_addr=\"{}\"", Ipv6Addr::from(address))?;
        }
        AF_UNIX if length > 2 => {
            let path = &bytes[2..length];
            match path.first() {
                Some(0) => {
                    out.write_str(", sun_path=@")?;
                    quoted(path.get(1..).unwrap_or_default(), out)?;
                }
                _ => {
                    out.write_str(", sun_path=")?;
                    quoted(path.split(|&byte| byte == 0).next().unwrap_or_default(), out)?;
                }
            }
        }
        AF_NETLINK if length >= 12 => {
            let pid = u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            let groups = u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            write!(out, ", nl_pid={pid}, nl_groups={groups:#010x}")?;
        }
        _ if length > 2 => {
            out.write_str(", sa_data=")?;
            quoted(&bytes[2..length.min(16)], out)?;
        }
        _ => (),
    }
    out.write_char('}')
}

/// A socket address that the call reads; its length is the next argument.
pub fn socket_address(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if raw == 0 { pointer(raw, call, out) } else { show_address(raw, call.neighbour(1) as u32, call, out) }
}

/// A socket address that the call fills; its length stands where the next argument points.
pub fn socket_address_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    match (succeeded(call)?, peek::<u32>(call, call.neighbour(1))) {
        (true, Some(length)) if raw != 0 => show_address(raw, length, call, out),
        _ => pointer(raw, call, out),
    }
}

/// `struct msghdr`.
type Header = [u64; 7];

/// Writes a header, `total` bytes of whose buffers count.
fn show_message(header: &Header, total: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let [name, name_length, vector, count, control, control_length, flags] = *header;
    out.write_str("{msg_name=")?;
    if name == 0 {
        pointer(name, call, out)?;
    } else {
        show_address(name, name_length as u32, call, out)?;
    }
    write!(out, ", msg_namelen={}, msg_iov=", name_length as u32)?;
    vectors(vector, count, total, call, out)?;
    write!(out, ", msg_iovlen={count}, ")?;
    if control != 0 {
        write!(out, "msg_control={control:#x}, ")?;
    }
    write!(out, "msg_controllen={control_length}, msg_flags=")?;
    message_flags(flags & 0xffff_ffff, call, out)?;
    out.write_char('}')
}

/// `struct msghdr` that the call reads.
pub fn message(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    given::<Header>(raw, call, out, |header, call, out| show_message(header, u64::MAX, call, out))
}

/// `struct msghdr` that the call fills, as many bytes as its result says.
pub fn message_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    filled::<Header>(raw, call, out, |header, call, out| {
        show_message(header, call.result.unwrap_or(0) as u64, call, out)
    })
}

/// Writes `count` of `struct mmsghdr`; a message's length counts once the call has set it.
fn show_messages(address: u64, count: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    list::<[u64; 8]>(address, count, call, out, |&[ref header @ .., length], out| {
        let length = length & 0xffff_ffff;
        out.write_str("{msg_hdr=")?;
        match call.result {
            Some(_) => {
                show_message(header, length, call, out)?;
                write!(out, ", msg_len={length}}}")
            }
            None => {
                show_message(header, u64::MAX, call, out)?;
                out.write_char('}')
            }
        }
    })
}

/// `struct mmsghdr` array that the call reads; its count is the next argument.
pub fn messages(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    show_messages(raw, u64::from(call.neighbour(1) as u32), call, out)
}

/// `struct mmsghdr` array that the call fills; its result is the count.
pub fn messages_out(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if succeeded(call)? {
        show_messages(raw, call.result.unwrap_or(0) as u64, call, out)
    } else {
        pointer(raw, call, out)
    }
}
