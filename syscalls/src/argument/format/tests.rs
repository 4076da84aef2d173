//! Each kind of format by itself; `trace/tests.rs` has whole lines.

use super::*;
use crate::argument::{Argument, Fd, Format};
use crate::frame::PAGE;
use crate::machine::host::{test_process, user_bytes, user_pages};
use crate::machine::machine;
use crate::user::{UserPtr, UserString};
use std::string::String;
use std::vec::Vec;

/// What a format makes of the first of these arguments, after a call with this result or before one.
fn shown(format: Format, arguments: [u64; 6], result: Option<i64>) -> Option<String> {
    let thread = machine().current();
    let call = Call { thread: &thread, number: 0, arguments, index: 0, result };
    let mut text = String::new();
    format(arguments[0], &call, &mut text).ok().map(|()| text)
}

fn number(format: Format, raw: u64) -> String {
    shown(format, [raw, 0, 0, 0, 0, 0], None).expect("shown at once")
}

fn given(format: Format, address: u64, next: u64) -> String {
    shown(format, [address, next, 0, 0, 0, 0], None).expect("shown at once")
}

fn text(quoted_bytes: &[u8]) -> String {
    let mut text = String::new();
    quoted(quoted_bytes, &mut text).expect("a string takes all");
    text
}

fn words(words: &[u64]) -> u64 {
    user_bytes(&words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>())
}

#[test]
fn bytes_are_escaped_as_in_c() {
    assert_eq!(text(b"a\t\n\x0b\x0c\r\"\\~"), r#""a\t\n\v\f\r\"\\~""#);
    assert_eq!(text(b"\0\x001\x7f\xff8\xffx"), r#""\0\0001\177\3778\377x""#);
    assert_eq!(text(b""), "\"\"");
}

#[test]
fn integers_are_cut_as_their_type_says() {
    test_process();
    assert_eq!(number(<i32 as Argument>::FORMAT, 0xffff_ffff), "-1");
    assert_eq!(number(<u32 as Argument>::FORMAT, u64::MAX), "4294967295");
    assert_eq!(number(<Fd as Argument>::FORMAT, 0xdead_ffff_ff9c), "AT_FDCWD");
    assert_eq!(number(<UserPtr<u8> as Argument>::FORMAT, 0), "NULL");
    assert_eq!(number(map_fd, u64::MAX), "-1");
}

#[test]
fn numbers_without_a_name_are_shown_as_they_are() {
    test_process();
    assert_eq!(number(whence, 2), "SEEK_END");
    assert_eq!(number(whence, 77), "77");
    assert_eq!(number(advice, 0xffff_ffff), "-1");
    assert_eq!(number(clock, 7), "CLOCK_BOOTTIME");
    assert_eq!(number(resource, 7), "RLIMIT_NOFILE");
    assert_eq!(number(ioctl_request, 0x5451), "FIOCLEX");
}

#[test]
fn bits_without_a_name_are_kept() {
    test_process();
    assert_eq!(number(open_flags, 0), "O_RDONLY");
    assert_eq!(number(open_flags, 3 | 0x4000_0000), "O_ACCMODE|0x40000000");
    assert_eq!(number(open_flags, 0o4_010_001), "O_WRONLY|O_SYNC");
    assert_eq!(number(open_flags, 0o10_001), "O_WRONLY|O_DSYNC");
    assert_eq!(number(map_flags, 0x10_0032), "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE");
    assert_eq!(number(map_flags, 0x20), "0x0 /* MAP_??? */|MAP_ANONYMOUS");
    assert_eq!(number(protection, 7), "PROT_READ|PROT_WRITE|PROT_EXEC");
    assert_eq!(number(at_flags, 0x900), "AT_SYMLINK_NOFOLLOW|AT_NO_AUTOMOUNT");
    assert_eq!(number(descriptor_flags, 0), "0");
    assert_eq!(number(wait_options, 0x4000_0001), "WNOHANG|__WALL");
}

#[test]
fn signals_and_sets_of_them() {
    test_process();
    for (raw, name) in
        [(1, "SIGHUP"), (29, "SIGIO"), (31, "SIGSYS"), (32, "SIGRTMIN"), (34, "SIGRT_2"), (64, "SIGRT_32")]
    {
        assert_eq!(number(signal, raw), name);
    }
    assert_eq!(number(signal, 0), "0");
    assert_eq!(given(signal_set, words(&[u64::MAX]), 8), "~[]");
    assert_eq!(given(signal_set, words(&[!(1 << 8)]), 8), "~[KILL]");
    assert_eq!(given(signal_set, words(&[1 << 16]), 8), "[CHLD]");
    assert_eq!(number(clone_flags, 17), "SIGCHLD");
    assert_eq!(number(clone_flags, 0x0100), "CLONE_VM");
}

#[test]
fn what_a_call_fills_waits_for_it() {
    test_process();
    let time = words(&[5, 7]);
    let arguments = [time, 0, 0, 0, 0, 0];
    assert_eq!(shown(timespec_out, arguments, None), None);
    assert_eq!(shown(timespec_out, arguments, Some(0)).as_deref(), Some("{tv_sec=5, tv_nsec=7}"));
    assert_eq!(shown(timespec_out, arguments, Some(-22)), Some(std::format!("{time:#x}")));
    assert_eq!(shown(timespec, arguments, None).as_deref(), Some("{tv_sec=5, tv_nsec=7}"));
    // A sleep leaves something when a signal came.
    assert_eq!(shown(remaining, arguments, Some(0)), Some(std::format!("{time:#x}")));
    assert_eq!(shown(remaining, arguments, Some(-516)).as_deref(), Some("{tv_sec=5, tv_nsec=7}"));
}

#[test]
fn what_cannot_be_read_is_an_address() {
    test_process();
    assert_eq!(given(timespec, 0, 0), "NULL");
    assert_eq!(given(timespec, 0x1234, 0), "0x1234");
    assert_eq!(given(input, u64::MAX - 3, 8), "0xfffffffffffffffc");
    assert_eq!(given(string_list, 8, 0), "0x8");
    assert_eq!(given(socket_address, 0x1000, 16), "0x1000");
    assert_eq!(number(<UserString as Argument>::FORMAT, 0x1000), "0x1000");
    // The string runs into a page that is not there; one that ends before does not.
    let page = user_pages(1);
    machine().copy_to_user(page + PAGE - 3, b"abc").expect("a page");
    assert_eq!(number(<UserString as Argument>::FORMAT, page + PAGE - 3), std::format!("{:#x}", page + PAGE - 3));
    machine().copy_to_user(page + PAGE - 3, b"ab\0").expect("a page");
    assert_eq!(number(<UserString as Argument>::FORMAT, page + PAGE - 3), "\"ab\"");
}

#[test]
fn lists_end_where_they_must() {
    test_process();
    let page = user_pages(1);
    let last = page + PAGE - 8;
    machine().copy_to_user(last, &[7, 0, 0, 0, 8, 0, 0, 0]).expect("a page");
    let groups_of = |count: u64, address| {
        let thread = machine().current();
        let call = Call { thread: &thread, number: 0, arguments: [count, address, 0, 0, 0, 0], index: 1, result: None };
        let mut text = String::new();
        groups(address, &call, &mut text).expect("shown at once");
        text
    };
    assert_eq!(groups_of(0, last), "[]");
    assert_eq!(groups_of(2, last), "[7, 8]");
    assert_eq!(groups_of(3, last), std::format!("[7, 8, ... /* {:#x} */]", page + PAGE));
    assert_eq!(groups_of(40, page), std::format!("[{}...]", "0, ".repeat(32)));
    assert_eq!(groups_of(u64::MAX, last + 16), std::format!("{:#x}", last + 16));
    let string = user_bytes(b"a long argument of more than thirty-two bytes\0");
    assert_eq!(given(string_list, words(&[string, 0]), 0), "[\"a long argument of more than thi\"...]");
    let many = words(&[&[string + 45; 40][..], &[0]].concat());
    assert_eq!(given(string_list, many, 0), std::format!("[{}...]", "\"\", ".repeat(32)));
    assert_eq!(given(environment, many, 0), std::format!("{many:#x} /* 40 vars */"));
}

#[test]
fn a_buffer_shows_no_more_than_was_filled() {
    test_process();
    let buffer = user_bytes(&[b'x'; 64]);
    let after = |count, result| shown(output, [buffer, count, 0, 0, 0, 0], Some(result)).expect("shown");
    assert_eq!(after(64, 0), "\"\"");
    assert_eq!(after(64, 5), "\"xxxxx\"");
    assert_eq!(after(64, 32), std::format!("\"{}\"", "x".repeat(32)));
    assert_eq!(after(64, 33), std::format!("\"{}\"...", "x".repeat(32)));
    assert_eq!(after(3, 500), "\"xxx\"");
    assert_eq!(shown(text_out, [user_bytes(b"/tmp\0xx"), 9, 0, 0, 0, 0], Some(5)).as_deref(), Some("\"/tmp\""));
}

#[test]
fn addresses_of_each_family() {
    test_process();
    let of = |bytes: &[u8]| given(socket_address, user_bytes(bytes), bytes.len() as u64);
    let mut six = [0; 28];
    six[0] = 10;
    six[2..4].copy_from_slice(&80_u16.to_be_bytes());
    six[23] = 1;
    assert_eq!(of(&six), "{sa_family=AF_INET6, sin6_port=htons(80), sin6_addr=\"::1\"}");
    assert_eq!(of(b"\x01\0\0name"), "{sa_family=AF_UNIX, sun_path=@\"name\"}");
    assert_eq!(of(b"\x01\0"), "{sa_family=AF_UNIX}");
    assert_eq!(of(&[16, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0]), "{sa_family=AF_NETLINK, nl_pid=7, nl_groups=0x00000001}");
    assert_eq!(of(b"\x63\0ab"), "{sa_family=99, sa_data=\"ab\"}");
}

#[test]
fn ends_of_children() {
    test_process();
    let of = |status: u64| shown(wait_status, [words(&[status]), 0, 0, 0, 0, 0], Some(7)).expect("shown");
    assert_eq!(of(0x2a00), "[{WIFEXITED(s) && WEXITSTATUS(s) == 42}]");
    assert_eq!(of(9), "[{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}]");
    assert_eq!(of(0x8b), "[{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}]");
    assert_eq!(of(0x137f), "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}]");
    assert_eq!(of(0xffff), "[{WIFCONTINUED(s)}]");
}
