//! How named fifos open, `fifo(7)`: each side waits for the other.

use super::{Pipe, PipeEnd, Side};
use crate::errno::{Errno, Result};
use crate::wait::wait_until;
use alloc::sync::Arc;

impl Pipe {
    /// Opens an end of a fifo's pipe. To read or to write waits for the other side, unless `nonblock`: then to read
    /// succeeds at once, and to write answers `ENXIO` while nobody reads. For both never waits. `ERESTARTSYS`.
    pub fn open_fifo(self: &Arc<Self>, side: Side, nonblock: bool) -> Result<PipeEnd> {
        if side == Side::Write && nonblock && self.state.lock().readers == 0 {
            return Err(Errno::ENXIO);
        }
        let end = PipeEnd::open(self, side, nonblock);
        // Those who wait for this side.
        self.wake_all();
        let arrivals = |side: Side| {
            let state = self.state.lock();
            match side {
                Side::Read => (state.writers > 0, state.writers_ever),
                _ => (state.readers > 0, state.readers_ever),
            }
        };
        if nonblock || side == Side::Both {
            return Ok(end);
        }
        // One that came and has gone again was there all the same.
        let (is_there, before) = arrivals(side);
        if !is_there {
            let queue = if side == Side::Read { &self.readable } else { &self.writable };
            wait_until(&[queue], None, || (arrivals(side).1 != before).then_some(()))?;
        }
        Ok(end)
    }
}
