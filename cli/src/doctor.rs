//! `birgus doctor`: what this host needs to run machines, and how to mend what is missing.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Command;

use crate::accelerator;
use crate::cache;
use crate::clock;
use crate::kernel_image::KERNEL;
use crate::machine::{Qemu, Version, channel};

/// What was found out about one thing.
enum Finding {
    /// It is as it should be.
    Good(String),
    /// Machines run, but something is missed: what, and the mend.
    Lacking(String, String),
    /// Machines cannot run: why, and the mend.
    Bad(String, String),
}

use Finding::{Bad, Good, Lacking};

/// Looks at everything and prints a line for each; 1 when something is needed, otherwise 0.
pub(crate) fn examine() -> u8 {
    let qemu = Qemu::find().ok();
    let findings = [
        ("tool", kernel()),
        ("QEMU", version(qemu.as_ref())),
        ("KVM", kvm(qemu.as_ref())),
        ("sockets", sockets()),
        ("clock", tsc()),
        ("cache", cache_folder()),
        ("building", rust_target()),
    ];
    let mut code = 0;
    for (thing, finding) in findings {
        match finding {
            Good(what) => println!("ok    {thing}: {what}"),
            Lacking(what, mend) => println!("warn  {thing}: {what}\n      mend: {mend}"),
            Bad(what, mend) => {
                println!("fail  {thing}: {what}\n      mend: {mend}");
                code = 1;
            }
        }
    }
    code
}

fn kernel() -> Finding {
    Good(format!("birgus {} with its kernel, {} KiB", env!("CARGO_PKG_VERSION"), KERNEL.len().div_ceil(1024)))
}

fn version(qemu: Option<&Qemu>) -> Finding {
    let Some(qemu) = qemu else {
        return Bad("qemu-system-x86_64 is not in PATH".to_owned(), Qemu::INSTALL.to_owned());
    };
    let place = qemu.path().display();
    match qemu.version() {
        None => Bad(format!("{place} does not tell its version"), Qemu::INSTALL.to_owned()),
        Some(version) if version < Version::OLDEST => Bad(
            format!("{place} is version {version}"),
            format!("QEMU {} or later; {}", Version::OLDEST, Qemu::INSTALL),
        ),
        Some(version) => Good(format!("{place}, version {version}")),
    }
}

fn kvm(qemu: Option<&Qemu>) -> Finding {
    let Some(qemu) = qemu else {
        return Lacking("not looked at without QEMU".to_owned(), Qemu::INSTALL.to_owned());
    };
    match accelerator::kvm_works(qemu) {
        Ok(()) => Good("works".to_owned()),
        Err(why) => {
            let mend = if why.contains("Permission denied") {
                "usermod -aG kvm $USER, then log in anew"
            } else if why.contains("No such file") {
                "modprobe kvm_intel or kvm_amd; virtualization may be switched off in the firmware"
            } else {
                "a host, or a cloud machine, with (nested) virtualization; until then QEMU translates"
            };
            Lacking(why, mend.to_owned())
        }
    }
}

fn sockets() -> Finding {
    match channel() {
        Ok(_) => Good("large enough".to_owned()),
        Err(failure) => Bad(failure.to_string(), "sysctl -w net.core.wmem_max=212992".to_owned()),
    }
}

fn tsc() -> Finding {
    match clock::host_tsc_khz() {
        Some(khz) => Good(format!("the time stamp counter runs at {khz} kHz")),
        None => Lacking(
            "the rate of the time stamp counter cannot be measured".to_owned(),
            "nothing to do; each machine measures it when it starts".to_owned(),
        ),
    }
}

fn cache_folder() -> Finding {
    let mend = "XDG_CACHE_HOME with a folder that may be written to".to_owned();
    let Some(folder) = cache::folder() else {
        return Lacking("neither XDG_CACHE_HOME nor HOME is set, so nothing is remembered".to_owned(), mend);
    };
    match try_to_write(&folder) {
        Ok(()) => Good(folder.display().to_string()),
        Err(error) => Lacking(format!("{}: {error}", folder.display()), mend),
    }
}

fn try_to_write(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let file = folder.join(format!(".doctor.{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&file)?;
    fs::remove_file(file)
}

/// Only who builds Birgus needs it: the tool has its kernel inside.
fn rust_target() -> Finding {
    let folder = Command::new("rustc").args(["--print", "target-libdir", "--target", "x86_64-unknown-none"]).output();
    let there = folder.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    });
    if there {
        Good("Rust and its target x86_64-unknown-none are there".to_owned())
    } else {
        Lacking(
            "no Rust target x86_64-unknown-none; only building Birgus needs it".to_owned(),
            "rustup target add x86_64-unknown-none".to_owned(),
        )
    }
}
