//! `ioctl(2)`: the requests that programs make of terminals, files and sockets.

use super::machinery::{Show, filled, given, named_bits, named_numbers};
use super::{hex, int_list, int_out, pointer};
use crate::argument::Call;
use core::fmt::{self, Write};
use linux_raw_sys::general::{
    BRKINT, ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ECHONL, ICANON, ICRNL, IEXTEN, IGNBRK, IGNCR, IGNPAR, INLCR, INPCK,
    ISIG, ISTRIP, IUTF8, IXANY, IXOFF, IXON, NOFLSH, OCRNL, ONLCR, ONLRET, ONOCR, OPOST, PARMRK, TOSTOP,
};
use linux_raw_sys::ioctl::*;

named_numbers! {
    /// The requests that have a name here.
    known_request: u32 {
        TCGETS TCSETS TCSETSW TCSETSF TCGETS2 TCSETS2 TCSETSW2 TCSETSF2 TCGETA TCSETA TCSETAW TCSETAF TCSBRK TCXONC
        TCFLSH TIOCEXCL TIOCNXCL TIOCSCTTY TIOCGPGRP TIOCSPGRP TIOCOUTQ TIOCSTI TIOCGWINSZ TIOCSWINSZ TIOCMGET
        TIOCNOTTY TIOCSETD TIOCGETD TCSBRKP TIOCGSID TIOCGPTN TIOCSPTLCK TIOCGPTPEER FIONREAD FIONBIO FIOASYNC
        FIONCLEX FIOCLEX FIOQSIZE SIOCGIFNAME SIOCGIFCONF SIOCGIFFLAGS SIOCGIFADDR SIOCGIFNETMASK SIOCGIFMTU
        SIOCGIFHWADDR SIOCGIFINDEX SIOCATMARK FS_IOC_GETFLAGS FS_IOC_SETFLAGS FICLONE FICLONERANGE BLKGETSIZE64
    }
}

named_bits! {
    /// `c_iflag`.
    input_modes: u32 {
        IGNBRK BRKINT IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IXON IXANY IXOFF IUTF8
    }
    /// `c_oflag`.
    output_modes: u32 { OPOST ONLCR OCRNL ONOCR ONLRET }
    /// `c_lflag`.
    local_modes: u32 { ISIG ICANON ECHO ECHOE ECHOK ECHONL NOFLSH TOSTOP ECHOCTL ECHOKE IEXTEN }
}

/// `ioctl(2)`'s request.
pub fn ioctl_request(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let request = raw as u32;
    let mut known = Known(false);
    known_request(request.into(), call, &mut known)?;
    if known.0 {
        return known_request(request.into(), call, out);
    }
    // _IOC(): direction, type, number, size.
    let direction = match request >> 30 {
        0 => "_IOC_NONE",
        1 => "_IOC_WRITE",
        2 => "_IOC_READ",
        _ => "_IOC_READ|_IOC_WRITE",
    };
    let (kind, number, size) = (request >> 8 & 0xff, request & 0xff, request >> 16 & 0x3fff);
    write!(out, "_IOC({direction}, {kind:#x}, {number:#x}, {size:#x})")
}

/// Finds out whether a name is written.
struct Known(bool);

impl Write for Known {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 |= text.starts_with(|first: char| first.is_ascii_alphabetic());
        Ok(())
    }
}

/// `ioctl(2)`'s argument, which hangs on the request.
pub fn ioctl_argument(raw: u64, call: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    let modes: Show<[u32; 4]> = |&[input, output, control, local], call, out| {
        out.write_str("{c_iflag=")?;
        input_modes(input.into(), call, out)?;
        out.write_str(", c_oflag=")?;
        output_modes(output.into(), call, out)?;
        write!(out, ", c_cflag={control:#x}, c_lflag=")?;
        local_modes(local.into(), call, out)?;
        out.write_str(", ...}")
    };
    let window: Show<[u16; 4]> = |&[rows, columns, width, height], _, out| {
        write!(out, "{{ws_row={rows}, ws_col={columns}, ws_xpixel={width}, ws_ypixel={height}}}")
    };
    match call.neighbour(-1) as u32 {
        TCGETS | TCGETS2 => filled(raw, call, out, modes),
        TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 => given(raw, call, out, modes),
        TIOCGWINSZ => filled(raw, call, out, window),
        TIOCSWINSZ => given(raw, call, out, window),
        TIOCSPGRP | FIONBIO | FIOASYNC | TIOCSPTLCK | TIOCSETD | FS_IOC_SETFLAGS => int_list(raw, call, out),
        TIOCGPGRP | TIOCOUTQ | FIONREAD | TIOCGETD | TIOCGSID | TIOCGPTN | SIOCATMARK | FS_IOC_GETFLAGS | TIOCMGET => {
            int_out(raw, call, out)
        }
        TCSBRK | TCXONC | TCFLSH | TIOCSCTTY | TCSBRKP | FICLONE => write!(out, "{}", raw as i32),
        FIOCLEX | FIONCLEX | TIOCNOTTY | TIOCEXCL | TIOCNXCL => Ok(()),
        request if request >> 30 != 0 => pointer(raw, call, out),
        _ => hex(raw, call, out),
    }
}
