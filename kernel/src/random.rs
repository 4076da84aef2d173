//! Random bytes: ChaCha20, keyed from all that the machine has to offer.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use core::arch::x86_64::{__cpuid, _rdtsc};
use spin::{Mutex, Once};

// The other back ends use vector registers, which are the program's.
#[cfg(not(chacha20_backend = "soft"))]
compile_error!("the kernel's random generator needs `--cfg chacha20_backend=\"soft\"`, as .cargo/config.toml has it");

static GENERATOR: Once<Mutex<ChaCha20Rng>> = Once::new();

/// Keys the generator: the launcher's seed, RDRAND where it is, the time stamp counter, mixed so that none can make
/// it worse.
pub(crate) fn start(seed: Option<&[u8; 32]>) {
    let mut key = seed.copied().unwrap_or([0; 32]);
    let has_rdrand = __cpuid(1).ecx & 1 << 30 != 0;
    for word in key.chunks_exact_mut(8) {
        // SAFETY: every x86-64 CPU has the counter.
        let mut more = unsafe { _rdtsc() };
        if has_rdrand {
            more ^= rdrand();
        }
        word.iter_mut().zip(more.to_le_bytes()).for_each(|(byte, other)| *byte ^= other);
    }
    GENERATOR.call_once(|| Mutex::new(ChaCha20Rng::from_seed(key)));
}

fn rdrand() -> u64 {
    for _ in 0..10 {
        let (value, ok): (u64, u8);
        // SAFETY: the caller has checked that the instruction is there.
        unsafe { core::arch::asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack)) };
        if ok != 0 {
            return value;
        }
    }
    0
}

/// Fills with random bytes. Panics before [`start`].
pub(crate) fn fill(to: &mut [u8]) {
    GENERATOR.get().expect("keyed at boot").lock().fill_bytes(to);
}
