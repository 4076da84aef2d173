//! Rewritten files: of every odd form, and run on this host.
#![cfg(all(feature = "elf", target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use birgus_rewriter::analysis::{Analysis, analyse};
use birgus_rewriter::elf::{Error, File, Refusal, Rewritten, rewrite};

const BASE: u64 = 0x40_0000;
const CODE: usize = 0x1000;

/// A program that is put together by hand: `write(1, the page at its end …)`, `exit_group(7)`.
struct Forge {
    /// Where its program headers stand in the file.
    headers: usize,
    /// Zeroed memory behind its bytes.
    bss: u64,
    /// What lies behind all that the headers tell of.
    appended: &'static [u8],
    code: Vec<u8>,
}

impl Default for Forge {
    fn default() -> Forge {
        Forge { headers: 64, bss: 0, appended: b"", code: prints_itself() }
    }
}

/// Writes "rewritten\n" from behind the code and ends with 7.
fn prints_itself() -> Vec<u8> {
    let mut code = Vec::new();
    code.extend([0xbf, 1, 0, 0, 0]); // mov edi, 1
    code.extend([0x48, 0x8d, 0x35, 26, 0, 0, 0]); // lea rsi, [rip+26]: the text
    code.extend([0xba, 10, 0, 0, 0]); // mov edx, 10
    code.extend([0xb8, 1, 0, 0, 0]); // mov eax, 1
    code.extend([0x0f, 0x05]); // syscall
    code.extend([0xbf, 7, 0, 0, 0]); // mov edi, 7
    code.extend([0xb8, 231, 0, 0, 0]); // mov eax, 231
    code.extend([0x0f, 0x05]); // syscall
    code.extend([0x0f, 0x0b]); // ud2
    code.extend(b"rewritten\n");
    code
}

impl Forge {
    fn file(&self) -> Vec<u8> {
        let end = CODE + self.code.len();
        let mut file = vec![0; end];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7fELF\x02\x01\x01");
        put(16, &2_u16.to_le_bytes()); // ET_EXEC
        put(18, &62_u16.to_le_bytes()); // EM_X86_64
        put(20, &1_u32.to_le_bytes());
        put(24, &(BASE + CODE as u64).to_le_bytes());
        put(32, &(self.headers as u64).to_le_bytes());
        put(52, &64_u16.to_le_bytes());
        put(54, &56_u16.to_le_bytes());
        put(56, &1_u16.to_le_bytes());
        let header = self.headers;
        put(header, &1_u32.to_le_bytes()); // PT_LOAD
        put(header + 4, &5_u32.to_le_bytes()); // R, X
        put(header + 16, &BASE.to_le_bytes());
        put(header + 24, &BASE.to_le_bytes());
        put(header + 32, &(end as u64).to_le_bytes());
        put(header + 40, &(end as u64 + self.bss).to_le_bytes());
        put(header + 48, &0x1000_u64.to_le_bytes());
        put(CODE, &self.code);
        file.extend(self.appended);
        file
    }

    fn rewritten(&self) -> Result<Rewritten, Refusal> {
        rewritten(&self.file()).1
    }
}

fn rewritten(bytes: &[u8]) -> (Analysis, Result<Rewritten, Refusal>) {
    let file = File::parse(bytes).expect("an ELF file");
    let analysis = analyse(&file.program().expect("it has code"));
    let result = rewrite(&file, &analysis);
    (analysis, result)
}

/// What the program prints and its exit code.
fn run(name: &str, bytes: &[u8]) -> (Vec<u8>, Option<i32>) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    let output = Command::new(&path).output().expect("it runs");
    fs::remove_file(&path).expect("removed");
    (output.stdout, output.status.code())
}

fn works(name: &str, forge: &Forge) -> Rewritten {
    let wanted = (b"rewritten\n".to_vec(), Some(7));
    assert_eq!(run(&format!("{name}-before"), &forge.file()), wanted);
    let rewritten = forge.rewritten().expect("it is rewritten");
    assert_eq!(rewritten.rewritten, 2);
    assert_eq!(run(name, &rewritten.bytes), wanted);
    rewritten
}

#[test]
fn a_file_without_section_headers() {
    let rewritten = works("plain", &Forge::default());
    assert_eq!((rewritten.segments, rewritten.watched, rewritten.unplaced, rewritten.appended), (1, 0, 0, 0));
}

#[test]
fn program_headers_that_are_not_aligned() {
    works("unaligned", &Forge { headers: 0x203, ..Forge::default() });
}

#[test]
fn what_lies_behind_stays_the_end() {
    let appended = b"an archive that its program looks for from the file's end";
    let rewritten = works("appended", &Forge { appended, ..Forge::default() });
    assert_eq!(rewritten.appended, appended.len());
    assert!(rewritten.bytes.ends_with(appended));
}

#[test]
fn zeroed_memory_behind_the_file_is_not_covered() {
    let rewritten = works("zeroed", &Forge { bss: 3 << 20, ..Forge::default() });
    assert!(rewritten.bytes.len() > 3 << 20);
    let refused = Forge { bss: 1 << 30, ..Forge::default() }.rewritten();
    assert_eq!(refused.map(|rewritten| rewritten.rewritten), Err(Refusal::LargeMemory));
}

#[test]
fn a_rewritten_file_can_be_rewritten_again() {
    let once = Forge::default().rewritten().expect("it is rewritten");
    let (_, twice) = rewritten(&once.bytes);
    if let Ok(twice) = twice {
        assert_eq!(run("twice", &twice.bytes), (b"rewritten\n".to_vec(), Some(7)));
    }
}

#[test]
fn what_cannot_be_rewritten_is_refused_with_a_reason() {
    let refused =
        |code: &[u8]| Forge { code: code.to_vec(), ..Forge::default() }.rewritten().map(|done| done.rewritten);
    // ret; syscall and ret without anything around.
    assert_eq!(refused(&[0xc3]), Err(Refusal::NoSite));
    assert_eq!(refused(&[0x0f, 0x05, 0xc3]), Err(Refusal::NoSite));
    assert!(!Refusal::NoSite.to_string().is_empty());
    assert_eq!(File::parse(b"#!/bin/sh\n").map(|_| ()), Err(Error::NotElf));
    let mut other = Forge::default().file();
    other[18] = 183;
    assert_eq!(File::parse(&other).map(|_| ()), Err(Error::Machine));
}
