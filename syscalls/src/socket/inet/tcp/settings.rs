//! The options of the level `SOL_TCP`.

use super::{Phase, State, Tcp};
use crate::errno::{Errno, Result};
use crate::network;
use crate::socket::options::{Settings, integer};
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;
use linux_raw_sys::net as raw;
use smoltcp::socket::tcp::{Socket, State as TcpState};
use smoltcp::time::Duration;

/// The only congestion control that there is.
const CONGESTION: &[u8] = b"reno";
/// `sizeof(struct tcp_info)` as of Linux 6.1, and what stands where in it.
const INFORMATION: usize = 240;

/// The options.
#[derive(Clone, Copy, Debug)]
pub(super) struct TcpSettings {
    pub(super) cork: bool,
    no_delay: bool,
    quick_acknowledge: bool,
    keep_idle: i32,
    keep_interval: i32,
    keep_count: i32,
    user_timeout: u32,
    linger: i32,
    defer_accept: i32,
    maximum_segment: i32,
    syn_count: i32,
    not_sent_low_water: i32,
    window_clamp: i32,
    fast_open: i32,
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            cork: false,
            no_delay: false,
            quick_acknowledge: true,
            keep_idle: 7200,
            keep_interval: 75,
            keep_count: 9,
            user_timeout: 0,
            linger: 60,
            defer_accept: 0,
            maximum_segment: 0,
            syn_count: 6,
            not_sent_low_water: 0,
            window_clamp: 0,
            fast_open: 0,
        }
    }
}

/// A number within limits. `EINVAL`.
fn within(number: i32, limits: core::ops::RangeInclusive<i32>) -> Result<i32> {
    if limits.contains(&number) { Ok(number) } else { Err(Errno::EINVAL) }
}

impl State {
    /// What makes a connection be as the options say.
    pub(super) fn configuration(&self, settings: Settings, to: IpAddr) -> impl FnOnce(&mut Socket<'static>) + use<> {
        let (tcp, hops) = (self.settings, self.levels.hops(to));
        move |socket| {
            socket.set_nagle_enabled(!tcp.no_delay);
            socket.set_hop_limit(hops);
            let seconds = |seconds: i32| Duration::from_secs(seconds.max(1) as u64);
            let keep_alive = settings.keep_alive.then(|| seconds(tcp.keep_idle));
            socket.set_keep_alive(keep_alive);
            // Linux gives up after 15 retries; a peer that does not answer keep-alives after its count of them.
            let patience = match (tcp.user_timeout, settings.keep_alive) {
                (0, true) => seconds(tcp.keep_idle.saturating_add(tcp.keep_interval.saturating_mul(tcp.keep_count))),
                (0, false) => Duration::from_secs(924),
                (limit, _) => Duration::from_millis(limit.into()),
            };
            let patience = match socket.state() {
                TcpState::Closed | TcpState::SynSent => patience.min(Duration::from_secs(127)),
                _ => patience,
            };
            socket.set_timeout(Some(patience));
        }
    }
}

impl Tcp {
    /// Lets a connection be as the options say.
    pub(super) fn apply_settings(&self) {
        let state = self.state.lock();
        if let Phase::Remote(connection) = &state.phase {
            let connection = connection.clone();
            let configure = state.configuration(self.common.settings(), connection.flow.remote.ip());
            drop(state);
            connection.configure(configure);
        }
    }

    pub(super) fn set_tcp_option(&self, level: u32, option: u32, value: &[u8]) -> Result<()> {
        if level != raw::SOL_TCP {
            let mut state = self.state.lock();
            if level == raw::SOL_IPV6 && option == raw::IPV6_V6ONLY && state.local.port() != 0 {
                return Err(Errno::EINVAL);
            }
            if state.levels.set(&self.common, level, option, value)?.is_some() {
                return Err(Errno::EPROTO);
            }
            drop(state);
            self.apply_settings();
            return Ok(());
        }
        if option == raw::TCP_CONGESTION {
            let name = value.split(|&byte| byte == 0).next().unwrap_or_default();
            return if name == CONGESTION { Ok(()) } else { Err(Errno::ENOENT) };
        }
        let number = integer(value)?;
        let on = number != 0;
        let mut state = self.state.lock();
        let settings = &mut state.settings;
        let mut uncorked = false;
        match option {
            raw::TCP_NODELAY => {
                settings.no_delay = on;
                uncorked = on;
            }
            raw::TCP_CORK => {
                uncorked = settings.cork && !on;
                settings.cork = on;
            }
            raw::TCP_KEEPIDLE => settings.keep_idle = within(number, 1..=32767)?,
            raw::TCP_KEEPINTVL => settings.keep_interval = within(number, 1..=32767)?,
            raw::TCP_KEEPCNT => settings.keep_count = within(number, 1..=127)?,
            raw::TCP_USER_TIMEOUT => settings.user_timeout = within(number, 0..=i32::MAX)? as u32,
            raw::TCP_SYNCNT => settings.syn_count = within(number, 1..=127)?,
            raw::TCP_LINGER2 => settings.linger = number.clamp(-1, 120),
            raw::TCP_DEFER_ACCEPT => settings.defer_accept = number,
            raw::TCP_MAXSEG => settings.maximum_segment = within(number, 0..=32767)?,
            raw::TCP_WINDOW_CLAMP => settings.window_clamp = number,
            raw::TCP_QUICKACK => settings.quick_acknowledge = on,
            raw::TCP_NOTSENT_LOWAT => settings.not_sent_low_water = number,
            raw::TCP_FASTOPEN => settings.fast_open = within(number, 0..=i32::MAX)?,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        let phase = state.phase.clone();
        drop(state);
        self.apply_settings();
        if uncorked && let Phase::Remote(connection) = phase {
            connection.set_cork(false);
            if let Some(stack) = network::running() {
                stack.push(&connection);
            }
        }
        Ok(())
    }

    pub(super) fn tcp_option(&self, level: u32, option: u32) -> Result<Vec<u8>> {
        let state = self.state.lock();
        if level != raw::SOL_TCP {
            return state.levels.get(self.common.family, level, option);
        }
        let settings = &state.settings;
        let number = match option {
            raw::TCP_NODELAY => settings.no_delay.into(),
            raw::TCP_CORK => settings.cork.into(),
            raw::TCP_KEEPIDLE => settings.keep_idle,
            raw::TCP_KEEPINTVL => settings.keep_interval,
            raw::TCP_KEEPCNT => settings.keep_count,
            raw::TCP_USER_TIMEOUT => settings.user_timeout as i32,
            raw::TCP_SYNCNT => settings.syn_count,
            raw::TCP_LINGER2 => settings.linger,
            raw::TCP_DEFER_ACCEPT => settings.defer_accept,
            raw::TCP_MAXSEG => 536.max(settings.maximum_segment),
            raw::TCP_WINDOW_CLAMP => settings.window_clamp,
            raw::TCP_QUICKACK => settings.quick_acknowledge.into(),
            raw::TCP_NOTSENT_LOWAT => settings.not_sent_low_water,
            raw::TCP_FASTOPEN => settings.fast_open,
            raw::TCP_CONGESTION => {
                let mut name = vec![0; 16];
                name[..CONGESTION.len()].copy_from_slice(CONGESTION);
                return Ok(name);
            }
            raw::TCP_INFO => {
                let phase = state.phase.clone();
                drop(state);
                return Ok(information(&phase));
            }
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(number.to_ne_bytes().to_vec())
    }
}

/// Linux's number of a state: `<net/tcp_states.h>`.
const fn state_number(state: TcpState) -> u8 {
    match state {
        TcpState::Established => 1,
        TcpState::SynSent => 2,
        TcpState::SynReceived => 3,
        TcpState::FinWait1 => 4,
        TcpState::FinWait2 => 5,
        TcpState::TimeWait => 6,
        TcpState::Closed => 7,
        TcpState::CloseWait => 8,
        TcpState::LastAck => 9,
        TcpState::Listen => 10,
        TcpState::Closing => 11,
    }
}

/// The number of a socket's state.
pub(super) fn phase_number(phase: &Phase) -> u8 {
    match phase {
        Phase::Idle => 7,
        Phase::Knocking(_) => 2,
        Phase::Listening(_) => 10,
        Phase::Local(stream, _) => match (stream.ended().input, stream.ended().output) {
            (false, false) => 1,
            (true, false) => 8,
            (false, true) => 5,
            (true, true) => 7,
        },
        Phase::Remote(connection) => state_number(connection.progress().state),
    }
}

/// `struct tcp_info`: the state, and what can be said of a connection that is not measured.
fn information(phase: &Phase) -> Vec<u8> {
    let mut bytes = vec![0; INFORMATION];
    bytes[0] = phase_number(phase);
    // tcpi_snd_mss and tcpi_rcv_mss.
    for at in [16, 20] {
        bytes[at..at + 4].copy_from_slice(&1460_u32.to_ne_bytes());
    }
    bytes
}
