//! QEMU's command line. Nothing of the user's but the CPU's name is on it: files are inherited, the rest is in the
//! handover.

use std::ffi::{OsStr, OsString};

use crate::accelerator::Accelerator;
use crate::arguments::Machine;
use crate::memory_file::Inherited;
use crate::memory_size::MemorySize;

/// Where a lone virtio device of a microvm is: QEMU fills the last of the eight places first (`hw/i386/microvm.c`:
/// 512 bytes each from `0xfeb00000`, interrupts from 5).
const MICROVM_CONSOLE: &str = "virtio_mmio.device=512@0xfeb00e00:12";

/// A machine.
#[derive(Debug)]
pub(crate) struct Configuration<'a> {
    pub(crate) machine: Machine,
    pub(crate) cpu: &'a str,
    pub(crate) accelerator: Accelerator,
    pub(crate) count_instructions: bool,
    pub(crate) memory: MemorySize,
    pub(crate) kernel: &'a Inherited,
    /// Words for the kernel that need no handover.
    pub(crate) kernel_words: &'a [&'a str],
    pub(crate) modules: &'a [Inherited],
    pub(crate) console: Console<'a>,
}

/// What the guest's console is connected to.
#[derive(Debug)]
pub(crate) enum Console<'a> {
    /// This end of a pair of sockets.
    Socket(&'a Inherited),
    /// The machine has none.
    None,
}

impl Configuration<'_> {
    /// The words of the command line behind the name of the program.
    pub(crate) fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: &dyn AsRef<OsStr>| words.extend([name.into(), value.as_ref().into()]);
        option(
            "-machine",
            &match self.machine {
                // Nothing that is not used: each of these is a device less to build and to reset.
                Machine::Microvm => "microvm,acpi=off,pit=off,pic=off,rtc=off,isa-serial=off,auto-kernel-cmdline=off",
                Machine::Q35 => "q35",
                Machine::Pc => "pc",
            },
        );
        option(
            "-accel",
            &match self.accelerator {
                Accelerator::Kvm => "kvm",
                Accelerator::Tcg => "tcg",
            },
        );
        option("-cpu", &self.cpu);
        option("-m", &self.memory.for_qemu());
        option("-smp", &"1");
        if self.count_instructions {
            option("-icount", &"shift=0,sleep=off");
        }
        option("-display", &"none");
        option("-sandbox", &"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
        option("-kernel", &self.kernel.path());
        if !self.modules.is_empty() {
            let paths: Vec<OsString> = self.modules.iter().map(|module| module.path().into()).collect();
            option("-initrd", &paths.join(OsStr::new(",")));
        }
        let mut kernel_words = self.kernel_words.to_vec();
        if let Console::Socket(socket) = &self.console {
            option("-chardev", &format!("socket,id=console,fd={}", socket.number()));
            match self.machine {
                Machine::Microvm => {
                    option("-global", &"virtio-mmio.force-legacy=false");
                    option("-device", &"virtio-serial-device,max_ports=1");
                    kernel_words.push(MICROVM_CONSOLE);
                }
                Machine::Q35 | Machine::Pc => {
                    option("-device", &"virtio-serial-pci,disable-legacy=on,disable-modern=off,max_ports=1");
                }
            }
            option("-device", &"virtconsole,chardev=console");
        }
        if !kernel_words.is_empty() {
            option("-append", &kernel_words.join(" "));
        }
        words.extend(["-nodefaults", "-no-user-config", "-no-reboot"].map(Into::into));
        words
    }
}
