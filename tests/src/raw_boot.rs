//! The kernel file under QEMU without our tool: as a drop-in for a Linux kernel, its output on the serial line.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::archives;
use crate::case::Program;
use crate::guest::{Bench, LIMIT, scratch};
use crate::outcome::Ending;
use crate::process;

/// A boot by hand.
pub(crate) struct RawCase {
    pub(crate) name: String,
    pub(crate) full: bool,
    machine: &'static [&'static str],
    entry: Entry,
    initrd: Initrd,
    append: &'static str,
    /// Lines that the serial line must carry, in this order and next to each other.
    expected: &'static [&'static str],
}

/// How QEMU enters the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// By its multiboot header.
    Multiboot,
    /// By its PVH note: QEMU tries multiboot first, so that header's magic number is blanked.
    Pvh,
}

/// What `-initrd` gives.
#[derive(Clone, Copy, Debug)]
enum Initrd {
    /// A bare ELF file, with these arguments behind its name.
    File(&'static str),
    /// An archive that holds the program as `bin/app`.
    Cpio,
    /// The same.
    Tar,
}

/// `programs/start/echo.c` prints its arguments and the variables it knows, a line each.
const PROGRAM: &str = "start/echo";

const MICROVM: &[&str] =
    &["-M", "microvm,acpi=off,pit=off,pic=off,rtc=off", "-nodefaults", "-display", "none", "-serial", "stdio"];
const PC: &[&str] = &["-M", "pc", "-display", "none", "-serial", "stdio"];
const Q35: &[&str] = &["-M", "q35", "-nodefaults", "-display", "none", "-serial", "stdio"];
/// As in many a guide; SeaBIOS writes to the serial line too.
const NOGRAPHIC: &[&str] = &["-M", "pc", "-nographic"];

const IN_ARCHIVE: &str = "console=ttyS0 quiet init=/bin/app BIRGUS_TEST=value -- one two";
const ECHOED: &[&str] = &["argument: one", "argument: two", "BIRGUS_TEST=value"];

/// The boots.
pub(crate) fn cases() -> Vec<RawCase> {
    let case = |name: &str, machine, entry, initrd| RawCase {
        name: format!("raw/{name}"),
        full: false,
        machine,
        entry,
        initrd,
        append: IN_ARCHIVE,
        expected: ECHOED,
    };
    let file = Initrd::File("one two");
    let bare = |case: RawCase| RawCase { append: "console=ttyS0 quiet BIRGUS_TEST=value", ..case };
    vec![
        bare(case("microvm-multiboot-file", MICROVM, Entry::Multiboot, file)),
        case("microvm-multiboot-cpio", MICROVM, Entry::Multiboot, Initrd::Cpio),
        case("microvm-multiboot-tar", MICROVM, Entry::Multiboot, Initrd::Tar),
        bare(case("pc-multiboot-file", PC, Entry::Multiboot, file)),
        case("pc-nographic-cpio", NOGRAPHIC, Entry::Multiboot, Initrd::Cpio),
        RawCase { full: true, ..case("q35-multiboot-cpio", Q35, Entry::Multiboot, Initrd::Cpio) },
        case("microvm-pvh-cpio", MICROVM, Entry::Pvh, Initrd::Cpio),
        case("pc-pvh-cpio", PC, Entry::Pvh, Initrd::Cpio),
    ]
}

/// Boots, and looks for the lines.
///
/// # Errors
/// What the serial line carried instead.
pub(crate) fn try_case(bench: &Bench<'_>, case: &RawCase) -> Result<(), String> {
    let scratch = scratch()?;
    let io = |error: std::io::Error| error.to_string();
    let kernel = kernel(&bench.built()?.kernel, case.entry, scratch.path())?;
    let program = fs::read(bench.compiled(&Program::Compiled(PROGRAM.to_owned()))?).map_err(io)?;
    let file = scratch.path().join("app");
    let members = [("bin/app", program.clone(), true), ("etc/motd", b"text".to_vec(), false)];
    let (content, words) = match case.initrd {
        Initrd::File(words) => (program, words),
        Initrd::Cpio => (archives::cpio(&members).map_err(io)?, ""),
        Initrd::Tar => (archives::tar(&members).map_err(io)?, ""),
    };
    fs::write(&file, content).map_err(io)?;
    let mut initrd = OsString::from(&file);
    if !words.is_empty() {
        initrd.push(" ");
        initrd.push(words);
    }
    let qemu = std::env::var_os("BIRGUS_QEMU").unwrap_or_else(|| "qemu-system-x86_64".into());
    let mut command = Command::new(qemu);
    command.args(case.machine).args(["-cpu", "max", "-m", "64", "-no-reboot", "-kernel"]).arg(kernel);
    command.arg("-initrd").arg(initrd).args(["-append", case.append]);
    let outcome = process::run(&mut command, b"", LIMIT)?;
    let serial = String::from_utf8_lossy(&outcome.stdout).replace('\r', "");
    let lines: Vec<&str> = serial.lines().collect();
    let told =
        || format!("{:?}\nserial line:\n{serial}\nQEMU: {}", outcome.ending, String::from_utf8_lossy(&outcome.stderr));
    if let Ending::TimedOut(_) = outcome.ending {
        return Err(told());
    }
    // Firmware on the same line may have left its last one unfinished.
    let matches = |window: &[&str]| {
        window.iter().zip(case.expected).enumerate().all(|(at, (line, wanted))| match at {
            0 => line.ends_with(wanted),
            _ => line == wanted,
        })
    };
    match lines.windows(case.expected.len()).any(matches) {
        true => Ok(()),
        false => Err(format!("wanted the lines {:?}\n{}", case.expected, told())),
    }
}

/// The first word of a multiboot header.
const MULTIBOOT_MAGIC: [u8; 4] = 0x1bad_b002_u32.to_le_bytes();

/// The kernel file to boot.
fn kernel(file: &Path, entry: Entry, scratch: &Path) -> Result<std::path::PathBuf, String> {
    if entry == Entry::Multiboot {
        return Ok(file.to_owned());
    }
    let mut bytes = fs::read(file).map_err(|error| error.to_string())?;
    // A boot loader looks for it in the first 8 KiB.
    let at = bytes.windows(4).take(8192).position(|word| word == MULTIBOOT_MAGIC).ok_or("no multiboot header")?;
    bytes[at..at + 4].fill(0);
    let copy = scratch.join("kernel-without-multiboot");
    fs::write(&copy, bytes).map_err(|error| error.to_string())?;
    Ok(copy)
}
