//! The vDSO: pages of the machine's that every program gets, `vdso(7)`.

use crate::errno::Result;
use crate::file::Pages;
use crate::frame::Frame;
use crate::machine::machine;
use crate::memory::{AddressSpace, MappedFile, MappedName};
use alloc::sync::Arc;
use spin::Once;

/// A page as a file of its own.
struct Page(Frame);

impl Pages for Page {
    fn page(&self, index: u64, _for_write: bool) -> Result<Option<Frame>> {
        Ok((index == 0).then(|| self.0.clone()))
    }
}

fn file(name: &[u8], frame: Frame) -> Arc<MappedFile> {
    Arc::new(MappedFile { pages: Arc::new(Page(frame)), name: MappedName::Fixed(name.to_vec()), device: 0, inode: 0 })
}

/// Maps it and gives the address of its ELF header: `AT_SYSINFO_EHDR`. `None`: the machine has none. `ENOMEM`.
pub(super) fn map(memory: &AddressSpace) -> Result<Option<u64>> {
    static FILES: Once<Option<[Arc<MappedFile>; 2]>> = Once::new();
    let files = FILES.call_once(|| {
        let vdso = machine().vdso()?;
        Some([file(b"[vvar]", vdso.data), file(b"[vdso]", vdso.image)])
    });
    files.as_ref().map(|[data, image]| memory.map_vdso(data, image)).transpose()
}
