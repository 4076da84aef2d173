//! The kernel command line, by Linux's conventions.

/// A virtio device at fixed registers: `virtio_mmio.device=<size>@<address>:<irq>[:<id>]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct VirtioMmioDevice {
    /// Bytes of registers.
    pub(crate) size: u64,
    /// Their physical address.
    pub(crate) address: u64,
    /// The interrupt line.
    pub(crate) gsi: u32,
}

/// The command line.
#[derive(Clone, Copy)]
pub(crate) struct CommandLine(pub(crate) &'static [u8]);

impl CommandLine {
    /// The words before `--`.
    fn words(&self) -> impl Iterator<Item = &'static [u8]> + use<> {
        self.0.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).take_while(|word| *word != b"--")
    }

    /// The value of the last `name=value`.
    pub(crate) fn value(&self, name: &[u8]) -> Option<&'static [u8]> {
        self.words().filter_map(|word| word.strip_prefix(name)?.strip_prefix(b"=")).last()
    }

    /// Whether a word is there by itself.
    pub(crate) fn has(&self, name: &[u8]) -> bool {
        self.words().any(|word| word == name)
    }

    /// All `virtio_mmio.device=`.
    pub(crate) fn virtio_mmio_devices(&self) -> impl Iterator<Item = VirtioMmioDevice> + use<> {
        self.words().filter_map(|word| device(word.strip_prefix(b"virtio_mmio.device=")?))
    }
}

fn device(text: &[u8]) -> Option<VirtioMmioDevice> {
    let text = core::str::from_utf8(text).ok()?;
    let (size, rest) = text.split_once('@')?;
    let mut parts = rest.split(':');
    let (address, gsi) = (parts.next()?, parts.next()?);
    Some(VirtioMmioDevice { size: size_number(size)?, address: number(address)?, gsi: gsi.parse().ok()? })
}

/// A number, decimal or with `0x`.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A number that may end in K, M or G.
fn size_number(text: &str) -> Option<u64> {
    let scale = match text.bytes().last()? {
        b'K' | b'k' => 10,
        b'M' | b'm' => 20,
        b'G' | b'g' => 30,
        _ => return number(text),
    };
    number(&text[..text.len() - 1])?.checked_mul(1 << scale)
}
