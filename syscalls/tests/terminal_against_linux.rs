//! The line discipline beside the host's own: the same keys, writes, reads and settings go to a pseudo-terminal of Linux and
//! to [`LineDiscipline`]; what appears on the screen and what the program reads must be the same bytes.
//!
//! Signals are not compared (the pseudo-terminal here is nobody's controlling terminal), but what they flush and show is.

mod linux_terminal;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use birgus_syscalls::terminal::{CAPACITY, Device, Flow, LineDiscipline, Queues, ReadOutcome, ReadProgress, Termios};
use linux_raw_sys::general as uapi;
use linux_terminal::LinuxTerminal;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// The screen of the model, as far as it is certain.
#[derive(Default)]
struct Screen {
    shown: Vec<u8>,
    /// Pieces shown and thrown away within one step: how much of each Linux still shows is a matter of
    /// timing.
    perhaps: Vec<Vec<u8>>,
}

impl Screen {
    fn can_be(&self, screen: &[u8]) -> bool {
        let start = screen.strip_suffix(&self.shown[..]);
        start.is_some_and(|start| are_some_of(start, &self.perhaps))
    }
}

/// Is `bytes` made of beginnings of the pieces, in their order?
fn are_some_of(bytes: &[u8], pieces: &[Vec<u8>]) -> bool {
    match pieces {
        [] => bytes.is_empty(),
        [first, rest @ ..] => {
            let common = bytes.iter().zip(first).take_while(|(byte, other)| byte == other).count();
            (0..=common).any(|begun| are_some_of(&bytes[begun..], rest))
        }
    }
}

impl Device for Screen {
    fn put(&mut self, bytes: &[u8]) {
        self.shown.extend_from_slice(bytes);
    }

    fn discard(&mut self) {
        self.perhaps.push(std::mem::take(&mut self.shown));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Settings(Termios),
    Keys(Vec<u8>),
    Write(Vec<u8>),
    Read(usize),
    Flush(Queues),
    Flow(Flow),
}

/// Both terminals.
struct Pair {
    linux: LinuxTerminal,
    model: LineDiscipline,
    screen: Screen,
    /// Keys that the model has refused so far.
    refused: Vec<u8>,
}

impl Pair {
    fn open() -> Option<Self> {
        let linux = LinuxTerminal::open()?;
        Some(Self {
            linux,
            model: LineDiscipline::new(Termios::pseudo_terminal()),
            screen: Screen::default(),
            refused: Vec::new(),
        })
    }

    fn model_keys(&mut self) {
        let taken = self.model.receive(&self.refused, &mut self.screen, &mut |_| {});
        self.refused.drain(..taken);
    }

    fn model_read(&mut self, size: usize) -> Option<Vec<u8>> {
        let mut buffer = vec![0; size];
        let mut progress = ReadProgress::default();
        let count = match self.model.read(&mut buffer, &mut progress, Duration::ZERO) {
            ReadOutcome::Bytes(count) => count,
            ReadOutcome::WouldBlock { .. } if progress.copied() > 0 => progress.copied(),
            ReadOutcome::WouldBlock { .. } => return None,
            ReadOutcome::EndOfFile => unreachable!("nobody hangs up"),
        };
        buffer.truncate(count);
        Some(buffer)
    }

    /// Does the step on both and compares all that can be seen.
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Settings(termios) => {
                self.linux.set_termios(&termios.to_bytes());
                self.model.set_termios(self.model.termios().with_bytes(&termios.to_bytes()), &mut self.screen);
            }
            Step::Keys(bytes) => {
                self.linux.type_keys(bytes);
                self.refused.extend_from_slice(bytes);
            }
            Step::Write(bytes) => {
                let taken = self.model.write(bytes, &mut self.screen).expect("nobody hangs up");
                same("taken by write", self.linux.write(bytes), taken)?;
            }
            Step::Read(size) => {
                let linux = self.linux.read(*size);
                same("read", shown(linux), shown(self.model_read(*size)))?;
            }
            Step::Flush(queues) => {
                self.linux.flush(*queues);
                self.model.flush(*queues, &mut self.screen);
            }
            Step::Flow(flow) => {
                self.linux.flow(*flow);
                self.model.flow(*flow, &mut self.screen);
            }
        }
        self.model_keys();
        self.compare()
    }

    fn compare(&mut self) -> Result<(), String> {
        let model = std::mem::take(&mut self.screen);
        self.linux.settle(model.shown.len(), self.model.input_count());
        let screen = self.linux.take_screen();
        if !model.can_be(&screen) {
            same("on the screen", shown(Some(screen)), shown(Some(model.shown)))?;
        }
        same("readable", self.linux.readable(), self.model.readable())?;
        same("counted as input", self.linux.input_count(), self.model.input_count())
    }

    fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        for (index, step) in steps.iter().enumerate() {
            self.step(step).map_err(|difference| format!("step {index}, {step:?}: {difference}"))?;
        }
        Ok(())
    }
}

fn shown(bytes: Option<Vec<u8>>) -> Option<String> {
    bytes.map(|bytes| bytes.escape_ascii().to_string())
}

fn same<T: PartialEq + Debug>(what: &str, linux: T, model: T) -> Result<(), String> {
    if linux == model { Ok(()) } else { Err(format!("{what}: Linux {linux:?}, model {model:?}")) }
}

fn keys(bytes: &[u8]) -> Step {
    Step::Keys(bytes.to_vec())
}

fn settings(change: impl FnOnce(&mut Termios)) -> Step {
    let mut termios = Termios::pseudo_terminal();
    change(&mut termios);
    Step::Settings(termios)
}

fn raw(minimum: u8) -> Step {
    settings(|termios| {
        termios.input_flags = 0;
        termios.local_flags = 0;
        termios.control_characters[uapi::VMIN as usize] = minimum;
    })
}

#[track_caller]
fn check(steps: &[Step]) {
    if let Some(mut pair) = Pair::open() {
        pair.run(steps).unwrap();
    }
}

#[test]
fn editing() {
    check(&[
        keys(b"lx\x7fs\tz\x7f\x7f \x01\x7f.\r"),
        Step::Read(2),
        Step::Read(9),
        keys(b"one two_3 -- \x17\x17\x12"),
        keys(b"\x16\x03\x16\x16x\x15y\n"),
        Step::Read(99),
        keys(b"\x15\x7f\x17\n"),
        Step::Read(99),
    ]);
}

#[test]
fn end_of_file() {
    check(&[
        keys(b"\x04ab\x04cd\x04e\n"),
        Step::Read(9),
        Step::Read(2),
        Step::Read(9),
        Step::Read(9),
        Step::Read(9),
        keys(b"x\x04\x04"),
        Step::Read(1),
        Step::Read(1),
        Step::Read(1),
    ]);
}

#[test]
fn characters_of_many_bytes_are_erased_whole() {
    let utf8 = |lflag: u32| {
        settings(|termios| {
            termios.input_flags |= uapi::IUTF8;
            termios.local_flags |= lflag;
        })
    };
    let text = "aä€\t€x\x7f\x7f\x7f\x7f\x7fü\x17é\x15\n".as_bytes();
    check(&[utf8(0), keys(text), utf8(uapi::ECHOPRT), keys(text), keys(b"\x80\x7f\x7f\x80\xff\x7f\n")]);
}

#[test]
fn one_key_for_two_things() {
    let both = |first: u32, second: u32, without: u32| {
        let steps = [
            settings(|termios| {
                termios.local_flags &= !without;
                termios.control_characters[first as usize] = b'#';
                termios.control_characters[second as usize] = b'#';
            }),
            keys(b"ab cd#ef#\n"),
            Step::Read(99),
        ];
        check(&steps);
    };
    for first in CONTROL_KEYS {
        for second in CONTROL_KEYS {
            both(*first, *second, 0);
            both(*first, *second, uapi::IEXTEN);
        }
    }
}

#[test]
fn lines_longer_than_the_queue() {
    let long = vec![b'x'; 1000];
    let mut steps: Vec<Step> = (0..5).map(|_| Step::Keys(long.clone())).collect();
    steps.extend([keys(b"\x7f"), keys(b"ab\x7f"), keys(b"y\n"), Step::Read(CAPACITY), Step::Read(9)]);
    check(&steps);
}

#[test]
fn a_reader_who_is_behind() {
    let long = vec![b'x'; 1000];
    let mut steps = vec![raw(1)];
    steps.extend((0..5).map(|_| Step::Keys(long.clone())));
    check(&steps);
    let mut lines = vec![settings(|termios| termios.local_flags = uapi::ICANON)];
    lines.extend((0..5).map(|_| Step::Keys([&long[..], b"\n"].concat())));
    check(&lines);
}

#[test]
fn switching_the_mode_with_input_waiting() {
    let canonical = || settings(|_| {});
    check(&[raw(1), keys(b"ab\ncd"), canonical(), Step::Read(3), Step::Read(9), Step::Read(9)]);
    check(&[raw(1), keys(b"ab\ncd"), canonical(), keys(b"ef\n"), Step::Read(9), Step::Read(9)]);
    check(&[raw(1), keys(b"ab\0"), canonical(), Step::Read(9), Step::Read(9)]);
    check(&[keys(b"ab\ncd\x04e"), raw(1), Step::Read(9), canonical(), keys(b"f\n"), Step::Read(9)]);
    check(&[keys(b"abc"), raw(5), Step::Read(9), Step::Read(9)]);
}

#[test]
fn stopping_and_starting() {
    check(&[
        keys(b"a"),
        keys(b"\x13b"),
        Step::Write(b"out".to_vec()),
        keys(b"\x11"),
        Step::Write(b"out".to_vec()),
        Step::Flow(Flow::StopOutput),
        Step::Write(b"out".to_vec()),
        keys(b"\x11"),
        Step::Write(b"out".to_vec()),
        Step::Flow(Flow::StartOutput),
        Step::Flow(Flow::StopInput),
        Step::Flow(Flow::StartInput),
        keys(b"\x13\x03x"),
        settings(|termios| termios.input_flags |= uapi::IXANY),
        keys(b"\x13z"),
        keys(b"\x13"),
        settings(|termios| termios.input_flags = 0),
        Step::Write(b"out".to_vec()),
    ]);
}

#[test]
fn settings_travel_in_all_three_forms() {
    let Some(linux) = LinuxTerminal::open() else {
        return;
    };
    let mut model = LineDiscipline::new(Termios::pseudo_terminal());
    let mut screen = Screen::default();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(300) });
    let model = std::cell::RefCell::new((&mut model, &mut screen));
    let bytes = || proptest::collection::vec(any::<u8>(), Termios::SIZE_2);
    runner
        .run(&(0..3, bytes()), |(form, bytes)| {
            let (model, screen) = &mut *model.borrow_mut();
            let new = match form {
                0 => {
                    linux.set_termios(bytes.first_chunk().unwrap());
                    model.termios().with_bytes(bytes.first_chunk().unwrap())
                }
                1 => {
                    linux.set_termios_2(bytes.first_chunk().unwrap());
                    model.termios().with_bytes_2(bytes.first_chunk().unwrap())
                }
                _ => {
                    linux.set_termios_old(bytes.first_chunk().unwrap());
                    model.termios().with_bytes_old(bytes.first_chunk().unwrap())
                }
            };
            model.set_termios(new, *screen);
            prop_assert_eq!(linux.termios(), model.termios().to_bytes());
            prop_assert_eq!(linux.termios_2(), model.termios().to_bytes_2());
            // The last byte is padding.
            prop_assert_eq!(&linux.termios_old()[..17], &model.termios().to_bytes_old()[..17]);
            Ok(())
        })
        .unwrap();
}

/// One of `values`, more often the first.
fn flags(values: &'static [u32], usual: u32) -> impl Strategy<Value = u32> {
    let any = proptest::sample::subsequence(values, 0..=values.len());
    prop_oneof![
        Just(usual),
        proptest::sample::select(values).prop_map(move |flag| usual ^ flag),
        any.prop_map(|flags| flags.iter().fold(0, |all, flag| all | flag)),
    ]
}

fn any_termios() -> impl Strategy<Value = Termios> {
    use uapi::*;
    const INPUT: &[u32] = &[ISTRIP, INLCR, IGNCR, ICRNL, IUCLC, IXON, IXANY, IMAXBEL, IUTF8, PARMRK];
    const OUTPUT: &[u32] = &[OPOST, OLCUC, ONLCR, OCRNL, ONOCR, ONLRET, XTABS];
    const LOCAL: &[u32] =
        &[ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH, ECHOCTL, ECHOPRT, ECHOKE, IEXTEN, EXTPROC];
    let usual = Termios::pseudo_terminal();
    let characters = proptest::collection::vec((0..CONTROL_KEYS.len(), any_key()), 0..3);
    (
        flags(INPUT, usual.input_flags),
        flags(OUTPUT, usual.output_flags),
        flags(LOCAL, usual.local_flags),
        0..4_u8,
        characters,
    )
        .prop_map(move |(input_flags, output_flags, local_flags, minimum, characters)| {
            // Not by `..usual`: captured alone, `control_characters` crashes rustc 1.95.
            let mut termios = usual;
            termios.input_flags = input_flags;
            termios.output_flags = output_flags;
            termios.local_flags = local_flags;
            for (index, key) in characters {
                termios.control_characters[CONTROL_KEYS[index] as usize] = key;
            }
            termios.control_characters[VMIN as usize] = minimum;
            termios
        })
}

const CONTROL_KEYS: &[u32] = {
    use uapi::*;
    &[VINTR, VQUIT, VERASE, VKILL, VEOF, VSTART, VSTOP, VSUSP, VEOL, VREPRINT, VWERASE, VLNEXT, VEOL2]
};

/// A byte that somebody types: mostly one with a meaning.
fn any_key() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => proptest::sample::select(&b"ab_Z9 .\t\t\n\n\r\x08"[..]),
        4 => proptest::sample::select(&b"\x7f\x7f\x15\x17\x04\x16\x12\x11\x13\x03\x1c\x1a\0"[..]),
        1 => proptest::sample::select(&b"\xc3\xa4\xe2\x82\xac\xff\xd7\xf7\xdf"[..]),
        1 => any::<u8>(),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let bytes = || proptest::collection::vec(any_key(), 1..24);
    let queues = prop_oneof![Just(Queues::Input), Just(Queues::Output), Just(Queues::Both)];
    let flow =
        prop_oneof![Just(Flow::StopOutput), Just(Flow::StartOutput), Just(Flow::StopInput), Just(Flow::StartInput)];
    prop_oneof![
        3 => any_termios().prop_map(Step::Settings),
        8 => bytes().prop_map(Step::Keys),
        3 => bytes().prop_map(Step::Write),
        4 => prop_oneof![1..6_usize, Just(80)].prop_map(Step::Read),
        1 => queues.prop_map(Step::Flush),
        1 => flow.prop_map(Step::Flow),
    ]
}

#[test]
fn whatever_is_typed() {
    let Some(pair) = Pair::open() else { return };
    drop(pair);
    let seconds = std::env::var("TERMINAL_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let end = Instant::now() + Duration::from_secs(seconds);
    let config = Config {
        failure_persistence: None,
        max_shrink_time: 20_000,
        ..Config::with_cases(u32::try_from(seconds * 250).unwrap())
    };
    TestRunner::new(config)
        .run(&proptest::collection::vec(any_step(), 2..16), |steps| {
            if Instant::now() < end {
                let mut pair = Pair::open().expect("one opened before");
                pair.run(&steps).map_err(TestCaseError::fail)?;
            }
            Ok(())
        })
        .unwrap();
}
