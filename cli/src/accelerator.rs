//! What runs the machine's instructions: KVM where it works, otherwise QEMU's translator.
//!
//! That `/dev/kvm` opens says little: a KVM made of software, in a cloud machine without hardware for it, may run a
//! guest hundreds of times slower than the translator does, or not at all. So the CPU must have the hardware, the
//! device must open, and a short guest must come to its end.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::arguments::{Acceleration, Machine};
use crate::cache;
use crate::failure::{Failure, Result};
use crate::kernel_image::KERNEL;
use crate::machine::{Configuration, Console, Process, Qemu};
use crate::memory_file::{self, Inherited};
use crate::memory_size::MemorySize;

const DEVICE: &str = "/dev/kvm";
/// How long the self-test may take; it needs some ten milliseconds.
const SELF_TEST_LIMIT: Duration = Duration::from_secs(2);
/// The kernel's word for: count to a million and reset the machine.
const SELF_TEST_WORD: &str = "birgus.selftest";

/// What runs the machine's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// The CPU.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

/// A choice, and why it was not KVM.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) accelerator: Accelerator,
    pub(crate) why_not_kvm: Option<String>,
}

/// Does what the user asks for, or finds out what works.
pub(crate) fn choose(asked: Acceleration, count_instructions: bool, qemu: &Qemu) -> Result<Choice> {
    let chosen = |accelerator| Ok(Choice { accelerator, why_not_kvm: None });
    match asked {
        Acceleration::Kvm if count_instructions => {
            Err(Failure::new("only QEMU's translator can count instructions").mend("--icount without --accel kvm"))
        }
        Acceleration::Kvm => chosen(Accelerator::Kvm),
        Acceleration::Auto if !count_instructions => match kvm_works(qemu) {
            Ok(()) => chosen(Accelerator::Kvm),
            Err(why) => Ok(Choice { accelerator: Accelerator::Tcg, why_not_kvm: Some(why) }),
        },
        Acceleration::Auto | Acceleration::Tcg => chosen(Accelerator::Tcg),
    }
}

/// Whether KVM can be used, and if not, why.
pub(crate) fn kvm_works(qemu: &Qemu) -> std::result::Result<(), String> {
    if !File::open("/proc/cpuinfo").is_ok_and(|cpus| has_hardware(BufReader::new(cpus))) {
        return Err("the CPU offers no virtualization (neither vmx nor svm in /proc/cpuinfo)".to_owned());
    }
    if let Err(error) = OpenOptions::new().read(true).write(true).open(DEVICE) {
        return Err(format!("{DEVICE} does not open: {error}"));
    }
    let key = format!("{} {} {}", cache::boot_id(), kernel_release(), identity(qemu));
    let verdict = cache::recall("kvm", &key).unwrap_or_else(|| {
        let verdict = if self_test(qemu) { "works" } else { "fails" };
        cache::remember("kvm", &key, verdict);
        verdict.to_owned()
    });
    if verdict == "works" {
        Ok(())
    } else {
        Err(format!("KVM is there, but a short guest did not end within {} s", SELF_TEST_LIMIT.as_secs()))
    }
}

/// Looks at the first CPU only: a host has many, and they are alike.
fn has_hardware(cpus: impl BufRead) -> bool {
    let mut lines = cpus.lines().map_while(std::result::Result::ok);
    let flags = lines.find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split_whitespace().any(|flag| matches!(flag, "vmx" | "svm"))
}

/// Whether a guest that does next to nothing comes to its end.
fn self_test(qemu: &Qemu) -> bool {
    let Ok(kernel) = memory_file::holding(KERNEL).and_then(|file: File| Inherited::new(file)) else { return false };
    let configuration = Configuration {
        machine: Machine::Microvm,
        cpu: "max",
        cpus: 1,
        accelerator: Accelerator::Kvm,
        count_instructions: false,
        memory: MemorySize::mib(32),
        kernel: &kernel,
        kernel_words: &[SELF_TEST_WORD],
        modules: &[],
        network: None,
        console: Console::None,
    };
    let ended = Process::start(qemu, &configuration).map(|mut process| process.wait(SELF_TEST_LIMIT));
    matches!(ended, Ok(Some(status)) if status.success())
}

fn kernel_release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}

/// What changes when another QEMU is installed.
fn identity(qemu: &Qemu) -> String {
    let place = qemu.path().display();
    fs::metadata(qemu.path())
        .map_or_else(|_| place.to_string(), |file| format!("{place} {} {}", file.size(), file.mtime()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_is_a_flag_of_its_own() {
        assert!(has_hardware(&b"vendor\t: x\nflags\t\t: fpu vmx sse\nbugs\t: none\n"[..]));
        assert!(has_hardware(&b"flags\t\t: svm\n"[..]));
        assert!(!has_hardware(&b"vmx flags\t: ept\nflags\t\t: fpu svm_lock\n"[..]));
        assert!(!has_hardware(&b""[..]));
    }
}
