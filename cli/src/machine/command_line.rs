//! QEMU's command line. Nothing of the user's but the CPU's name is on it: files are inherited, the rest is in the
//! handover.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::accelerator::Accelerator;
use crate::arguments::Machine;
use crate::memory_file::Inherited;
use crate::memory_size::MemorySize;
use crate::network::{Forward, GUEST_ADDRESS};

/// Where a lone virtio device of a microvm is: QEMU fills the last of the eight places first (`hw/i386/microvm.c`:
/// 512 bytes each from `0xfeb00000`, interrupts from 5).
const MICROVM_CONSOLE: &str = "virtio_mmio.device=512@0xfeb00e00:12";

/// Where the next one is.
const MICROVM_NETWORK: &str = "virtio_mmio.device=512@0xfeb00c00:11";

/// What the machine's network device is connected to, and where a copy of all frames goes.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) backend: Backend,
    pub(crate) capture: Option<PathBuf>,
}

/// The other end of the network device.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    /// QEMU's user networking, with ports of the host that lead into the machine.
    User(Vec<Forward>),
    /// A device of the host's.
    Tap(String),
}

/// A machine.
#[derive(Debug)]
pub(crate) struct Configuration<'a> {
    pub(crate) machine: Machine,
    pub(crate) cpu: &'a str,
    /// How many CPUs the machine has; the kernel is told of them where there is more than one.
    pub(crate) cpus: u8,
    pub(crate) accelerator: Accelerator,
    pub(crate) count_instructions: bool,
    pub(crate) memory: MemorySize,
    pub(crate) kernel: &'a Inherited,
    /// Words for the kernel that need no handover.
    pub(crate) kernel_words: &'a [&'a str],
    pub(crate) modules: &'a [Inherited],
    pub(crate) console: Console<'a>,
    pub(crate) network: Option<&'a Network>,
}

/// What the guest's console is connected to.
#[derive(Debug)]
pub(crate) enum Console<'a> {
    /// This end of a pair of sockets.
    Socket(&'a Inherited),
    /// The machine has none.
    None,
}

impl Backend {
    /// As `-netdev` takes it.
    fn description(&self) -> String {
        match self {
            // Only as much of a network as is told to the guest: no IPv6.
            Self::User(forwards) => {
                let mut words = format!("user,id=net,ipv6=off,host=10.0.2.2,net=10.0.2.0/24,dhcpstart={GUEST_ADDRESS}");
                for forward in forwards {
                    words.push_str(&format!(
                        ",hostfwd={}:{}-{GUEST_ADDRESS}:{}",
                        forward.protocol.name(),
                        forward.host,
                        forward.guest
                    ));
                }
                words
            }
            Self::Tap(name) => format!("tap,id=net,ifname={},script=no,downscript=no", name.replace(',', ",,")),
        }
    }
}

/// A path within one of QEMU's options: commas are doubled.
fn escaped(path: &Path) -> OsString {
    let bytes = path.as_os_str().as_bytes();
    OsString::from_vec(bytes.split(|&byte| byte == b',').collect::<Vec<_>>().join(&b",,"[..]))
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
        option("-smp", &self.cpus.to_string());
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
        if let Some(network) = self.network {
            option("-netdev", &network.backend.description());
            let device = match self.machine {
                Machine::Microvm => {
                    kernel_words.push(MICROVM_NETWORK);
                    "virtio-net-device,netdev=net"
                }
                // Without a file of firmware to boot from.
                Machine::Q35 | Machine::Pc => "virtio-net-pci,netdev=net,disable-legacy=on,disable-modern=off,romfile=",
            };
            option("-device", &device);
            if let Some(file) = &network.capture {
                let mut words = OsString::from("filter-dump,id=capture,netdev=net,file=");
                words.push(escaped(file));
                option("-object", &words);
            }
        }
        let cpus = format!("birgus.cpus={}", self.cpus);
        if self.cpus > 1 {
            kernel_words.push(&cpus);
        }
        if !kernel_words.is_empty() {
            option("-append", &kernel_words.join(" "));
        }
        words.extend(["-nodefaults", "-no-user-config", "-no-reboot"].map(Into::into));
        words
    }
}
