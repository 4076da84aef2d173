//! The window size (`struct winsize`).

/// Rows and columns of a terminal's window, and its size in pixels (unused by Linux itself); `ioctl_tty(2)`, TIOCGWINSZ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines of text.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
    /// Width in pixels.
    pub x_pixels: u16,
    /// Height in pixels.
    pub y_pixels: u16,
}

impl WindowSize {
    /// The size of `struct winsize` in bytes.
    pub const SIZE: usize = 8;

    /// As TIOCGWINSZ lays it out.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let [r0, r1] = self.rows.to_ne_bytes();
        let [c0, c1] = self.columns.to_ne_bytes();
        let [x0, x1] = self.x_pixels.to_ne_bytes();
        let [y0, y1] = self.y_pixels.to_ne_bytes();
        [r0, r1, c0, c1, x0, x1, y0, y1]
    }

    /// As TIOCSWINSZ lays it out.
    pub fn from_bytes([r0, r1, c0, c1, x0, x1, y0, y1]: [u8; Self::SIZE]) -> Self {
        Self {
            rows: u16::from_ne_bytes([r0, r1]),
            columns: u16::from_ne_bytes([c0, c1]),
            x_pixels: u16::from_ne_bytes([x0, x1]),
            y_pixels: u16::from_ne_bytes([y0, y1]),
        }
    }
}
