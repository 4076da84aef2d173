use super::*;
use alloc::string::ToString;
use alloc::vec::Vec;

const SEED: [u8; 32] = [0xa5; 32];
const TERMINAL: Terminal = Terminal { files: 0b101, rows: 24, columns: 300 };
const LIMIT: ResourceLimit = ResourceLimit { resource: 7, soft: 1024, hard: u64::MAX };
const NETWORK: Network = Network::Static {
    address: Ipv4Addr::new(10, 0, 2, 15),
    prefix: 24,
    gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
    name_server: None,
};
const CLOCK: WallClock = WallClock { seconds: 1 << 40, nanoseconds: 999_999_999 };

fn full() -> Builder {
    let mut builder = Builder::new();
    builder.program(b"/bin/program").exec_name(b"./program").working_directory(b"/").hostname(b"birgus");
    builder.argument(b"program").environment(b"A=1").argument(b"").argument(b"a b,c\n\xff").environment(b"=");
    builder.terminal(TERMINAL).resource_limit(LIMIT).resource_limit(ResourceLimit { resource: 3, ..LIMIT });
    builder.tsc_khz(1_000_000).wall_clock(CLOCK).wall_clock_tsc(u64::MAX).seed(&SEED).trace(true).log_level(9);
    builder.network(NETWORK);
    builder
}

fn bytes(builder: &Builder) -> Vec<u8> {
    builder.clone().finish().unwrap()
}

#[test]
fn what_was_written_is_read() {
    let bytes = bytes(&full());
    let handover = Handover::parse(&bytes).unwrap();
    assert_eq!(handover.program, Some(&b"/bin/program"[..]));
    assert_eq!(handover.exec_name, Some(&b"./program"[..]));
    assert_eq!(handover.working_directory, Some(&b"/"[..]));
    assert_eq!(handover.hostname, Some(&b"birgus"[..]));
    assert!(handover.arguments().eq([&b"program"[..], b"", b"a b,c\n\xff"]));
    assert!(handover.environment().eq([&b"A=1"[..], b"="]));
    assert_eq!(handover.terminal, Some(TERMINAL));
    assert_eq!([0, 1, 2, 3, 200].map(|file| TERMINAL.has(file)), [true, false, true, false, false]);
    assert!(handover.resource_limits().eq([LIMIT, ResourceLimit { resource: 3, ..LIMIT }]));
    assert_eq!(handover.tsc_khz, Some(1_000_000));
    assert_eq!(handover.wall_clock, Some(CLOCK));
    assert_eq!(handover.wall_clock_tsc, Some(u64::MAX));
    assert_eq!(handover.seed, Some(&SEED));
    assert_eq!(handover.trace, Some(true));
    assert_eq!(handover.log_level, Some(9));
    assert_eq!(handover.network, Some(NETWORK));
    let dynamic = Builder::new().network(Network::Dynamic).clone().finish().unwrap();
    assert_eq!(Handover::parse(&dynamic).unwrap().network, Some(Network::Dynamic));
}

#[test]
fn what_was_not_written_is_not_there() {
    let bytes = bytes(&Builder::new());
    assert_eq!(bytes, b"BIRGUS\x01\n\x01\0\0\0\0\0\0\0");
    let handover = Handover::parse(&bytes).unwrap();
    assert_eq!(handover.program, None);
    assert_eq!(handover.arguments().count() + handover.environment().count(), 0);
    assert_eq!((handover.terminal, handover.seed, handover.trace), (None, None, None));
}

#[test]
fn the_bytes_are_the_format() {
    let mut builder = Builder::new();
    builder.argument(b"hello").terminal(Terminal { files: 7, rows: 0x102, columns: 0x304 }).tsc_khz(5);
    let expected = [
        &b"BIRGUS\x01\n"[..],
        b"\x04\0\0\0\x05\0\0\0hello\0\0\0",
        b"\x07\0\0\0\x05\0\0\0\x07\x02\x01\x04\x03\0\0\0",
        b"\x09\0\0\0\x04\0\0\0\x05\0\0\0\0\0\0\0",
        b"\x01\0\0\0\0\0\0\0",
    ];
    assert_eq!(bytes(&builder), expected.concat());
}

#[test]
fn cut_at_every_byte() {
    let bytes = bytes(&full());
    for length in 0..bytes.len() {
        let error = Handover::parse(&bytes[..length]).unwrap_err();
        assert!(matches!(error, Error::NoMagic if length < 8) || matches!(error, Error::Truncated { .. }));
    }
}

/// A handover of one record, without an end.
fn record(tag: u32, length: u32, payload: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &tag.to_le_bytes(), &length.to_le_bytes(), payload].concat()
}

fn refused(bytes: &[u8]) -> Error {
    Handover::parse(bytes).unwrap_err()
}

#[test]
fn malformed_ones_are_refused() {
    assert_eq!(refused(b"BIRGUS\x02\n"), Error::Version(2));
    assert_eq!(refused(b"070701birgus"), Error::NoMagic);
    assert_eq!(refused(&record(0, 0, b"")), Error::UnknownTag { tag: 0, offset: 8 });
    assert_eq!(refused(&record(99, 0, b"")), Error::UnknownTag { tag: 99, offset: 8 });
    assert_eq!(refused(&record(4, u32::MAX, b"12345678")), Error::Truncated { offset: 8 });
    assert_eq!(refused(&record(4, 9, b"12345678")), Error::Truncated { offset: 8 });
    assert_eq!(refused(&record(4, 8, b"12345678")), Error::Truncated { offset: 24 });
    assert_eq!(refused(&record(9, 3, &[0; 8])), Error::Length { tag: Tag::TscKhz, length: 3 });
    assert_eq!(refused(&record(8, 21, &[0; 24])), Error::Length { tag: Tag::ResourceLimit, length: 21 });
    assert_eq!(refused(&record(8, 12, &[0; 16])), Error::Length { tag: Tag::ResourceLimit, length: 12 });
    assert_eq!(refused(&record(12, 31, &[0; 32])), Error::Length { tag: Tag::Seed, length: 31 });
    assert_eq!(refused(&record(1, 1, &[0; 8])), Error::Length { tag: Tag::End, length: 1 });
    assert_eq!(refused(&record(1, 0, b"!")), Error::BytesAfterEnd { offset: 16 });
    assert_eq!(refused(&record(13, 1, &[2; 8])), Error::Value(Tag::Trace));
    assert_eq!(refused(&record(7, 5, &[8; 8])), Error::Value(Tag::Terminal));
    assert_eq!(refused(&record(10, 12, &[0xff; 16])), Error::Value(Tag::WallClock));
    assert_eq!(refused(&record(99, 0, b"")).to_string(), "the handover has an unknown record 99 at byte 8");
}

#[test]
fn the_builder_refuses_too() {
    let mut twice = full();
    twice.hostname(b"other");
    assert_eq!(twice.finish(), Err(Error::Repeated(Tag::Hostname)));
    let mut nul = Builder::new();
    nul.argument(b"a\0b");
    assert_eq!(nul.finish(), Err(Error::Value(Tag::Argument)));
    let mut clock = Builder::new();
    clock.wall_clock(WallClock { nanoseconds: 1_000_000_000, ..CLOCK });
    assert_eq!(clock.finish(), Err(Error::Value(Tag::WallClock)));
}

#[test]
fn every_tag_reads_back() {
    let known = (0..999).filter_map(Tag::from_number);
    assert!(known.map(|tag| tag as u32).eq(1..=16));
}
