//! What a person at a terminal sees, told with default settings unless a test says otherwise.

use alloc::vec::Vec;
use core::time::Duration;

use linux_raw_sys::general::{ICANON, TOSTOP, VMIN, VTIME};

use super::*;

struct Typed {
    line: LineDiscipline,
    screen: Vec<u8>,
    signals: Vec<Signal>,
}

impl Typed {
    fn new() -> Self {
        Self { line: LineDiscipline::new(Termios::default()), screen: Vec::new(), signals: Vec::new() }
    }

    fn keys(&mut self, bytes: &[u8]) -> usize {
        self.line.receive(bytes, &mut self.screen, &mut |signal| {
            self.signals.push(signal);
        })
    }

    fn change(&mut self, change: impl FnOnce(&mut Termios)) {
        let mut termios = *self.line.termios();
        change(&mut termios);
        self.line.set_termios(termios, &mut self.screen);
    }

    fn read(&mut self, size: usize) -> Vec<u8> {
        let mut buffer = alloc::vec![0; size];
        match self.line.read(&mut buffer, &mut ReadProgress::default(), Duration::ZERO) {
            ReadOutcome::Bytes(count) => buffer.truncate(count),
            other => panic!("{other:?}"),
        }
        buffer
    }
}

#[test]
fn a_line_is_edited_echoed_and_read() {
    let mut typed = Typed::new();
    typed.keys(b"lx\x7fs\tz\x7f\x7f \x01\x7f.");
    assert!(!typed.line.readable());
    typed.keys(b"\r");
    assert_eq!(typed.screen, b"lx\x08 \x08s\tz\x08 \x08\x08\x08\x08\x08\x08\x08 ^A\x08 \x08\x08 \x08.\r\n");
    assert_eq!(typed.line.input_count(), 5);
    assert_eq!(typed.read(2), b"ls");
    assert_eq!(typed.read(9), b" .\n");
    assert!(!typed.line.readable());
}

#[test]
fn end_of_file_alone_reads_as_nothing_and_once() {
    let mut typed = Typed::new();
    typed.keys(b"\x04ab\x04c\n");
    assert_eq!(typed.line.input_count(), 4);
    assert_eq!(typed.read(9), b"");
    assert_eq!(typed.read(2), b"ab");
    assert_eq!(typed.read(9), b"c\n");
}

#[test]
fn signals_flush_and_show() {
    let mut typed = Typed::new();
    typed.keys(b"lost");
    typed.keys(b"\x03kept\n");
    typed.keys(b"\x1c");
    typed.keys(b"unseen\x1a");
    assert_eq!(typed.signals, [Signal::Interrupt, Signal::Quit, Signal::Suspend]);
    assert_eq!(typed.screen, b"lost^Ckept\r\n^\\^Z");
    assert_eq!(typed.signals.iter().map(|signal| signal.number()).collect::<Vec<_>>(), [2, 3, 20]);
}

#[test]
fn a_stop_holds_echo_and_output_until_the_start() {
    let mut typed = Typed::new();
    typed.keys(b"a");
    typed.keys(b"\x13b");
    assert_eq!(typed.line.write(b"out", &mut typed.screen), Ok(0));
    assert_eq!(typed.screen, b"a");
    typed.keys(b"\x11");
    assert_eq!(typed.line.write(b"out\n", &mut typed.screen), Ok(4));
    assert_eq!(typed.screen, b"about\r\n");
}

#[test]
fn a_full_line_can_still_be_ended() {
    let mut typed = Typed::new();
    let many = alloc::vec![b'x'; 5000];
    assert_eq!(typed.keys(&many), 5000);
    assert_eq!(typed.keys(b"\n"), 1);
    assert_eq!(typed.keys(b"more"), 0, "a finished line waits: no more is taken");
    let line = typed.read(CAPACITY);
    assert_eq!((line.len(), line.last()), (CAPACITY, Some(&b'\n')));
    assert_eq!(typed.keys(b"more"), 4);
}

#[test]
fn the_four_cases_of_vmin_and_vtime() {
    let outcome = |minimum: u8, time: u8, steps: &[(u64, &[u8])]| {
        let mut typed = Typed::new();
        typed.change(|termios| {
            termios.local_flags &= !ICANON;
            termios.control_characters[VMIN as usize] = minimum;
            termios.control_characters[VTIME as usize] = time;
        });
        let mut buffer = [0; 8];
        let mut progress = ReadProgress::default();
        let mut outcomes = Vec::new();
        for (millis, bytes) in steps {
            typed.keys(bytes);
            outcomes.push(typed.line.read(&mut buffer, &mut progress, Duration::from_millis(*millis)));
        }
        outcomes
    };
    let wait = |millis: Option<u64>| ReadOutcome::WouldBlock { deadline: millis.map(Duration::from_millis) };
    assert_eq!(outcome(0, 0, &[(0, b"")]), [ReadOutcome::Bytes(0)]);
    assert_eq!(outcome(0, 0, &[(0, b"abc")]), [ReadOutcome::Bytes(3)]);
    assert_eq!(outcome(3, 0, &[(0, b"ab"), (900, b"c")]), [wait(None), ReadOutcome::Bytes(3)]);
    assert_eq!(outcome(0, 2, &[(50, b""), (100, b"a")]), [wait(Some(250)), ReadOutcome::Bytes(1)]);
    assert_eq!(outcome(0, 2, &[(50, b""), (250, b"")]), [wait(Some(250)), ReadOutcome::Bytes(0)]);
    assert_eq!(
        outcome(3, 2, &[(0, b""), (900, b"a"), (1000, b"b"), (1200, b"")]),
        [wait(None), wait(Some(1100)), wait(Some(1200)), ReadOutcome::Bytes(2)]
    );
    assert_eq!(outcome(200, 0, &[(0, b"12345678")]), [ReadOutcome::Bytes(8)]);
}

#[test]
fn poll_waits_for_vmin_only_without_vtime() {
    let mut typed = Typed::new();
    typed.change(|termios| {
        termios.local_flags &= !ICANON;
        termios.control_characters[VMIN as usize] = 3;
    });
    typed.keys(b"ab");
    assert!(!typed.line.readable());
    typed.change(|termios| termios.control_characters[VTIME as usize] = 1);
    assert!(typed.line.readable());
}

#[test]
fn output_waits_for_room_without_tearing_a_newline() {
    struct Narrow(Vec<u8>, usize);
    impl Device for Narrow {
        fn room(&self) -> usize {
            self.1 - self.0.len()
        }
        fn put(&mut self, bytes: &[u8]) {
            assert!(bytes.len() <= self.room());
            self.0.extend_from_slice(bytes);
        }
    }
    let mut line = LineDiscipline::new(Termios::default());
    let mut device = Narrow(Vec::new(), 4);
    assert_eq!(line.write(b"abc\nd", &mut device), Ok(3));
    device.1 = 5;
    assert_eq!(line.write(b"\nd", &mut device), Ok(1));
    assert_eq!(device.0, b"abc\r\n");
}

#[test]
fn hanging_up_ends_everything() {
    let mut typed = Typed::new();
    typed.keys(b"line\n");
    typed.line.hang_up();
    assert!(typed.line.readable());
    let mut buffer = [0; 9];
    let outcome = typed.line.read(&mut buffer, &mut ReadProgress::default(), Duration::ZERO);
    assert_eq!(outcome, ReadOutcome::EndOfFile);
    assert_eq!(typed.line.write(b"x", &mut typed.screen), Err(HungUp));
}

#[test]
fn errors_of_the_line_are_marked() {
    use linux_raw_sys::general::{BRKINT, IGNBRK, INPCK, PARMRK};
    let read = |flags: u32, error: LineError| {
        let mut typed = Typed::new();
        typed.change(|termios| {
            termios.input_flags = flags;
            termios.local_flags = 0;
            termios.control_characters[VMIN as usize] = 0;
        });
        typed.line.receive_error(error, &mut typed.screen, &mut |signal| {
            typed.signals.push(signal);
        });
        (typed.read(9), typed.signals)
    };
    assert_eq!(read(0, LineError::Break), (alloc::vec![0], Vec::new()));
    assert_eq!(read(IGNBRK, LineError::Break), (Vec::new(), Vec::new()));
    assert_eq!(read(BRKINT, LineError::Break), (Vec::new(), alloc::vec![Signal::Interrupt]));
    assert_eq!(read(PARMRK, LineError::Break).0, [0xff, 0, 0]);
    assert_eq!(read(0, LineError::Parity(b'a')).0, b"a");
    assert_eq!(read(INPCK, LineError::Parity(b'a')).0, [0]);
    assert_eq!(read(INPCK | PARMRK, LineError::Parity(b'a')).0, [0xff, 0, b'a']);
}

#[test]
fn settings_keep_their_layout() {
    let termios = Termios { local_flags: TOSTOP, line: 7, ..Termios::default() };
    assert_eq!(Termios::default().with_bytes(&termios.to_bytes()), termios);
    assert_eq!(Termios::default().with_bytes_2(&termios.to_bytes_2()), termios);
    let old = Termios::default().with_bytes_old(&termios.to_bytes_old());
    assert_eq!(old, termios);
    assert_eq!(termios.to_bytes()[16..21], [7, 3, 28, 127, 21]);
}

#[test]
fn requests_are_answered() {
    use linux_raw_sys::ioctl::{FIONREAD, TCGETS2, TIOCGPGRP, TIOCGWINSZ, TIOCSTI, TIOCSWINSZ};
    let mut typed = Typed::new();
    let mut ask = |number: u32, taken: &[u8]| match TerminalRequest::parse(number) {
        Some(TerminalRequest::Line(request)) => {
            typed.line.answer(request, 0, taken, &mut typed.screen, &mut |signal| {
                typed.signals.push(signal);
            })
        }
        other => panic!("{other:?}"),
    };
    let size = WindowSize { rows: 24, columns: 80, ..WindowSize::default() };
    assert_eq!(ask(TIOCSWINSZ, &size.to_bytes()), Ok(Answer::Resized));
    assert_eq!(ask(TIOCSWINSZ, &size.to_bytes()), Ok(Answer::Done));
    assert_eq!(ask(TIOCSWINSZ, &[]), Err(Refusal::WrongSize));
    let gives = |answer: Result<Answer, Refusal>| match answer {
        Ok(Answer::Gives(reply)) => reply.as_bytes().to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(gives(ask(TIOCGWINSZ, &[])), size.to_bytes());
    assert_eq!(gives(ask(TCGETS2, &[])).len(), Termios::SIZE_2);
    assert_eq!(ask(TIOCSTI, b"\n"), Ok(Answer::Done));
    assert_eq!(gives(ask(FIONREAD, &[])), 1_i32.to_ne_bytes());
    assert_eq!(TerminalRequest::parse(TIOCGPGRP), Some(TerminalRequest::Session(SessionRequest::GetForeground)));
    assert_eq!(TerminalRequest::parse(0x1234), None);
}

#[test]
fn packet_mode_tells_what_linux_tells() {
    use linux_raw_sys::general::{EXTPROC, IXON};
    let mut typed = Typed::new();
    typed.line.packet().switch(true);
    let told = |typed: &mut Typed| typed.line.packet().take();
    typed.change(|termios| termios.input_flags &= !IXON);
    assert_eq!(told(&mut typed), Some(0x10));
    typed.change(|termios| termios.input_flags |= IXON);
    assert_eq!(told(&mut typed), Some(0x20));
    for (flow, status) in [(Flow::StopOutput, Some(4)), (Flow::StartOutput, Some(8)), (Flow::StartInput, None)] {
        typed.line.flow(flow, &mut typed.screen);
        assert_eq!(told(&mut typed), status);
    }
    for (queues, status) in [(Queues::Input, 1), (Queues::Output, 2), (Queues::Both, 3)] {
        typed.line.flush(queues, &mut typed.screen);
        assert_eq!(told(&mut typed), Some(status));
    }
    for (key, status) in [(b"\x13", 4), (b"\x11", 8), (b"\x03", 3)] {
        typed.keys(key);
        assert_eq!(told(&mut typed), Some(status));
    }
    typed.change(|termios| termios.local_flags |= EXTPROC);
    assert_eq!(told(&mut typed), Some(0x40));
}
