//! What virtio devices have in common: how they are reached, and that each has a ring for what it receives and one for
//! what it sends.

pub(super) mod mmio;
pub(super) mod pci;

use virtio_drivers::transport::Transport;

/// The ring of what the device receives.
pub(super) const RECEIVE: u16 = 0;
/// The ring of what the device sends.
pub(super) const TRANSMIT: u16 = 1;

/// What differs from bus to bus.
pub(super) trait Attachment: Send {
    type Transport: Transport;
    fn transport(&mut self) -> &mut Self::Transport;
    /// What is left to do between making the rings and using them. `None`: the device cannot be used.
    fn prepare(&mut self) -> Option<()>;
    /// Tells the device that a ring has something new.
    fn notify(&mut self, ring: u16);
    /// Lets the receive ring interrupt.
    fn listen(&mut self);
    /// The device's interrupt has been seen.
    fn acknowledge(&mut self);
}
