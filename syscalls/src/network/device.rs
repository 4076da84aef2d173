//! The machine's network device as smoltcp sees it.

use super::NetworkDevice;
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

/// A frame's longest: a packet of 1500 bytes and the header of Ethernet.
pub(super) const LONGEST_FRAME: usize = 1514;

/// The device, and a frame of it that is to be taken in.
pub(super) struct Wire<'a> {
    pub(super) device: &'a dyn NetworkDevice,
    pub(super) frame: Option<&'a [u8]>,
}

pub(super) struct Received<'a>(&'a [u8]);

pub(super) struct Sending<'a>(&'a dyn NetworkDevice);

impl Device for Wire<'_> {
    type RxToken<'t>
        = Received<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Sending<'t>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sending<'_>)> {
        let frame = self.frame.take()?;
        Some((Received(frame), Sending(self.device)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        self.device.can_send().then_some(Sending(self.device))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = LONGEST_FRAME;
        capabilities
    }
}

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

impl TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut fill = Some(fill);
        let mut result = None;
        self.0.send(length, &mut |bytes| {
            if let Some(fill) = fill.take() {
                result = Some(fill(bytes));
            }
        });
        match (result, fill) {
            (Some(result), _) => result,
            // The device had no room: the frame is made all the same, and lost.
            (None, Some(fill)) => fill(&mut alloc::vec![0; length]),
            (None, None) => unreachable!("what filled a frame has given its result"),
        }
    }
}
