//! Files that are no program, or a damaged one: how each is refused, and how little is read.

#[expect(dead_code, reason = "shared with the other tests")]
mod forge;

use birgus_loader::{Error, Plan, Source, plan};
use forge::{Forge, INTERP, LOAD, R, RW, RX, fixed, load};

fn text() -> forge::Header {
    load(RX, 0x1000, 0x40_1000, 0x800)
}

fn planned(forge: &Forge) -> Plan {
    plan(forge.bytes().as_slice()).unwrap()
}

fn refused(forge: &Forge) -> Error {
    plan(forge.bytes().as_slice()).unwrap_err()
}

#[test]
fn other_files_are_named() {
    let say = |bytes: &[u8]| plan(bytes).unwrap_err().to_string();
    assert_eq!(say(b""), "is an empty file");
    assert_eq!(say(b"hello, wor"), "is a text file, not an ELF program");
    assert_eq!(say("Grüße\n".repeat(99).as_bytes()), "is a text file, not an ELF program");
    assert_eq!(say(b"#!/bin/sh -e\necho\n"), "is a script for /bin/sh, not an ELF program");
    assert_eq!(say(b"#!\necho\n"), "is a text file, not an ELF program");
    assert_eq!(say(b"\x00\x01\x02"), "is not an ELF program");
    assert_eq!(say(b"MZ\x90\x00"), "is not an ELF program");
    assert_eq!(say(b"\x7fEL"), "is not an ELF program");
    assert_eq!(say(b"\x7fELF"), "is truncated: an ELF header has 64 bytes, the file has 4");
    let forged = |change: fn(&mut Forge)| {
        let mut forge = fixed(&[text()]);
        change(&mut forge);
        say(&forge.bytes())
    };
    assert_eq!(forged(|f| f.machine = 40), "is for ARM, not for x86-64");
    assert_eq!(forged(|f| f.machine = 183), "is for AArch64, not for x86-64");
    assert_eq!(forged(|f| f.machine = 9999), "is for machine 9999, not for x86-64");
    assert_eq!(forged(|f| (f.class, f.machine) = (1, 3)), "is a 32-bit program for i386, not for x86-64");
    assert_eq!(forged(|f| f.class = 1), "is an x32 program, only 64-bit ones can run");
    assert_eq!(forged(|f| (f.order, f.machine) = (2, 22 << 8)), "is for S/390, not for x86-64");
    assert_eq!(forged(|f| f.class = 9), "is damaged: it is neither 32-bit nor 64-bit");
    assert_eq!(forged(|f| f.kind = 1), "is a relocatable object that has still to be linked");
    assert_eq!(forged(|f| f.kind = 4), "is a core dump, not a program");
    assert_eq!(forged(|f| (f.kind, f.entry) = (3, 0)), "is a shared library, it has no entry point");
    assert_eq!(forged(|f| f.kind = 77), "is an ELF file of unknown type 77, not a program");
    assert_eq!(forged(|f| f.headers.clear()), "has no program headers");
    assert_eq!(forged(|f| f.entry_size = 32), "is damaged: its program headers are not 56 bytes each");
    assert_eq!(forged(|f| f.headers = vec![load(R, 0, 0, 0); 1171]), "has too many program headers (1171)");
    assert_eq!(
        forged(|f| f.table_offset = u64::MAX),
        "is truncated: the program headers end at byte 18446744073709551615, the file has 12288"
    );
    assert_eq!(forged(|f| f.entry = 0x40_3000), "is damaged: its entry point 0x403000 lies in no executable segment");
    assert_eq!(forged(|f| f.headers[0].kind = 4), "has no segment to load");
}

#[test]
fn truncated_at_every_byte_of_its_headers() {
    let whole = fixed(&[text(), load(RW, 0x2000, 0x40_4000, 0x10)]).bytes();
    for size in 0..64 + 2 * 56 {
        let error = plan(&whole[..size]).unwrap_err();
        assert_eq!(error.errno(), 8, "{size}: {error}");
    }
    let error = plan(&whole[..0x200f]).unwrap_err();
    assert_eq!(error, Error::SegmentTruncated { segment: 1, end: 0x2010, size: 0x200f });
    assert_eq!(error.to_string(), "is truncated: segment 1 ends at byte 8208, the file has 8207");
    assert!(plan(&whole[..0x2010]).is_ok());
}

#[test]
fn impossible_segments_are_refused() {
    let with = |header: forge::Header| refused(&fixed(&[text(), header]));
    let high = birgus_loader::USER_END;
    assert_eq!(with(load(RW, 0, 0x40_3000, 0x20).memory(0x10)), Error::FileSizeExceedsMemory(1));
    assert_eq!(with(load(RW, 0, u64::MAX - 4, 5).memory(6)), Error::SizeOverflow(1));
    assert_eq!(with(load(RW, u64::MAX - 4, 0x40_3ffb, 6)), Error::SizeOverflow(1));
    assert_eq!(with(load(RW, 0, high, 1)), Error::AddressTooHigh(1));
    assert_eq!(with(load(RW, 0, high - 0x1000, 1).memory(0x1001)), Error::AddressTooHigh(1));
    assert_eq!(with(load(RW, 0, 0xffff_8000_0000_0000, 1)), Error::AddressTooHigh(1));
    assert_eq!(with(load(RW, 0, 0x8000_0000_0000_0000, 1)), Error::AddressTooHigh(1));
    assert_eq!(with(load(RW, 0, 0xf000, 1)), Error::AddressTooLow(1));
    assert_eq!(with(load(RW, 0x10, 0x40_3000, 1)), Error::Misaligned(1));
    assert_eq!(with(load(RW, 0x17ff, 0x40_17ff, 1)), Error::Overlap(0, 1));
    assert_eq!(with(load(RW, 0xfff, 0x40_0fff, 2)), Error::Overlap(0, 1));
    assert_eq!(with(text()).to_string(), "is damaged: segments 0 and 1 overlap");
    assert_eq!(with(load(RW, 0, 0x40_0000, 1).memory(0x10_0000)), Error::Overlap(0, 1));
    // The neighbours of these are fine.
    let fine = |header: forge::Header| planned(&fixed(&[text(), header]));
    fine(load(RW, 0, high - 0x1000, 1).memory(0x1000));
    fine(load(RW, 0, 0x1_0000, 1));
    fine(load(RX, 0x1800, 0x40_1800, 1));
    fine(load(RW, 0xfff, 0x40_0fff, 1).kind(LOAD));
}

#[test]
fn errors_carry_linux_numbers() {
    let (eperm, eio, enoexec, enomem, einval) = (1, 5, 8, 12, 22);
    assert_eq!(Error::AddressTooLow(0).errno(), eperm);
    assert_eq!(Error::Unreadable.errno(), eio);
    assert_eq!(Error::Text.errno(), enoexec);
    assert_eq!(Error::OutOfMemory.errno(), enomem);
    assert_eq!(Error::Misaligned(0).errno(), einval);
}

/// A file that counts how often it is read, and fails when it was read often enough.
struct Paged {
    bytes: Vec<u8>,
    reads: std::cell::Cell<usize>,
    allowed: usize,
}

impl Source for Paged {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.reads.set(self.reads.get() + 1);
        self.reads.get() <= self.allowed && self.bytes.as_slice().read_at(offset, buffer)
    }
}

/// Plans `forge` with `allowed` reads; what comes out, and how many there were.
fn paged(forge: &Forge, allowed: usize) -> (Result<Plan, Error>, usize) {
    let file = Paged { bytes: forge.bytes(), reads: 0.into(), allowed };
    (plan(&file), file.reads.get())
}

#[test]
fn a_common_file_is_read_once() {
    let forge = fixed(&[text(); 1]);
    assert_eq!(paged(&forge, 9), (Ok(planned(&forge)), 1));
}

#[test]
fn a_file_that_cannot_be_read_is_said_to_be_so() {
    let mut headers = vec![text(), load(R, 0x2ff0, 0, 3).kind(INTERP)];
    headers.resize(40, load(R, 0, 0, 0).kind(4));
    let forge = Forge { table_offset: 0x1001, ..fixed(&headers) };
    // The file's start, a batch of headers, the interpreter's path (of zeros).
    assert_eq!(paged(&forge, 3), (Err(Error::BadInterpreter), 3));
    for allowed in 0..3 {
        assert_eq!(paged(&forge, allowed), (Err(Error::Unreadable), allowed + 1));
    }
}

#[test]
fn headers_are_read_in_batches() {
    let forge = Forge { table_offset: 0x1001, ..fixed(&[load(R, 0, 0, 0).kind(4); 38]) };
    assert_eq!(paged(&forge, 9), (Err(Error::NothingToLoad), 1 + 3));
}
