//! Builds the kernel and lays it where the tool can take it in (`src/kernel_image.rs`), with the names of its functions.
//!
//! `BIRGUS_KERNEL=FILE` takes that file instead.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use object::Endianness::Little;
use object::elf::{FileHeader64, PT_LOAD, PT_NOTE};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Object, ObjectSymbol, SymbolKind};

const KERNEL_TARGET: &str = "x86_64-unknown-none";

fn main() {
    println!("cargo::rerun-if-env-changed=BIRGUS_KERNEL");
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let file = match env::var_os("BIRGUS_KERNEL") {
        Some(file) => PathBuf::from(file),
        None => build_kernel(&out_dir),
    };
    println!("cargo::rerun-if-changed={}", file.display());
    println!("cargo::rustc-env=BIRGUS_ANALYSIS={:016x}", analysis());
    let kernel = fs::read(&file).unwrap_or_else(|error| panic!("cannot read the kernel {}: {error}", file.display()));
    fs::write(out_dir.join("symbols"), symbols(&kernel)).expect("cannot write the symbols to OUT_DIR");
    fs::write(out_dir.join("birgus-kernel"), loaded_part(kernel)).expect("cannot write the kernel to OUT_DIR");
}

/// A number that changes with the code that makes patch plans, so that no plan of another version is taken.
fn analysis() -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../rewriter/src")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("the rewriter's sources are there");
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() { folders.push(path) } else { fs::read(&path).expect("a source").hash(&mut hasher) }
        }
    }
    hasher.finish()
}

/// Builds the kernel in a target folder of its own – the outer cargo holds the lock of its – and gives the file.
fn build_kernel(out_dir: &Path) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("cli/ is in the workspace");
    for room in ["Cargo.toml", "Cargo.lock", "kernel", "loader", "syscalls", "rewriter"] {
        println!("cargo::rerun-if-changed={}", workspace.join(room).display());
    }
    // OUT_DIR is TARGET-DIR/PROFILE/build/birgus-HASH/out.
    let target_dir = out_dir.ancestors().nth(4).expect("OUT_DIR is in the target folder").join("kernel-build");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"));
    cargo
        .current_dir(workspace)
        .args(["build", "--quiet", "--package", "birgus-kernel", "--profile", "kernel"])
        .args(["--target", KERNEL_TARGET, "--target-dir"])
        .arg(&target_dir);
    // What the outer cargo says about the tool (flags, clippy's wrapper, …) is not meant for the kernel.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_the_tool = text.starts_with("CARGO") && text != "CARGO_HOME" || text.starts_with("RUSTC");
        if of_the_tool || ["RUSTFLAGS", "TARGET", "HOST", "PROFILE", "OUT_DIR"].contains(&text.as_ref()) {
            cargo.env_remove(&name);
        }
    }
    let status = cargo.status().expect("cannot start cargo");
    assert!(
        status.success(),
        "the kernel did not build; when its target is missing: rustup target add {KERNEL_TARGET}"
    );
    target_dir.join(KERNEL_TARGET).join("kernel/birgus-kernel")
}

/// The kernel's functions, a line each: address in hexadecimal, name; sorted by address.
fn symbols(kernel: &[u8]) -> String {
    let Ok(file) = object::File::parse(kernel) else { return String::new() };
    let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.address() != 0);
    let named = functions.filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?)));
    let sorted: BTreeMap<u64, &str> = named.collect();
    sorted.iter().map(|(address, name)| format!("{address:x} {:#}\n", rustc_demangle::demangle(name))).collect()
}

/// Leaves away what stands behind the last byte that is loaded: debug information, symbols, section headers. Nothing
/// moves, since the multiboot header speaks of places in the file. Debuggers take the whole file in `kernel-build/`.
fn loaded_part(mut kernel: Vec<u8>) -> Vec<u8> {
    let Ok(header) = FileHeader64::<object::Endianness>::parse(&*kernel) else {
        return kernel; // A kernel of another kind, given by BIRGUS_KERNEL.
    };
    let end = header
        .program_headers(Little, &*kernel)
        .expect("the kernel has program headers")
        .iter()
        .filter(|segment| matches!(segment.p_type(Little), PT_LOAD | PT_NOTE))
        .map(|segment| segment.p_offset(Little) + segment.p_filesz(Little))
        .max()
        .expect("the kernel has segments");
    kernel.truncate(usize::try_from(end).expect("the kernel fits into memory"));
    kernel[0x28..0x30].fill(0); // e_shoff
    kernel[0x3c..0x40].fill(0); // e_shnum, e_shstrndx
    kernel
}
