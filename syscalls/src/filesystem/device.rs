//! Devices: which file a device node opens.

use super::Kind;
use super::devfs::devfs;
use crate::errno::{Errno, Result};
use crate::file::{File, OpenFlags};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use spin::RwLock;

/// Gives the file behind a new description of a device.
pub type Opener = dyn Fn(OpenFlags) -> Result<Arc<dyn File>> + Send + Sync;

// By kind (character or block) and number.
static DEVICES: RwLock<BTreeMap<(bool, u64), Arc<Opener>>> = RwLock::new(BTreeMap::new());

/// Says what nodes of this kind and number open, on whatever file system they are. The last one to say so counts.
pub fn register(kind: Kind, number: u64, opener: impl Fn(OpenFlags) -> Result<Arc<dyn File>> + Send + Sync + 'static) {
    DEVICES.write().insert((kind == Kind::Block, number), Arc::new(opener));
}

/// Opens a device. `ENXIO` when no such device is there, or for a socket.
pub fn open(kind: Kind, number: u64, flags: OpenFlags) -> Result<Arc<dyn File>> {
    match kind {
        Kind::Character | Kind::Block => {
            // A node elsewhere may be opened before anybody has looked into `/dev`.
            devfs().complete();
            let opener = DEVICES.read().get(&(kind == Kind::Block, number)).cloned();
            opener.ok_or(Errno::ENXIO)?(flags)
        }
        _ => Err(Errno::ENXIO),
    }
}

/// Forgets a device that is gone.
pub fn forget(kind: Kind, number: u64) {
    let gone = DEVICES.write().remove(&(kind == Kind::Block, number));
    drop(gone);
}
