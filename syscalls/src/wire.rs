//! The protocol between the guest and the tool that started it, on one virtio console port.
//!
//! Both ways carry *frames*: a header of eight bytes, then `length` bytes of payload. All numbers are little endian.
//!
//! | offset | bytes | field  |                                              |
//! |-------:|------:|--------|----------------------------------------------|
//! |      0 |     1 | kind   | what the frame says, see [`Kind`]            |
//! |      1 |     1 | stream | which stream it is about, see [`Stream`]     |
//! |      2 |     2 | zero   | for later use                                |
//! |      4 |     4 | length | bytes of payload, at most [`MAX_PAYLOAD`]    |
//!
//! One channel, in order: so the program's exit code comes after all of its output, and end of input after all input.
//! Either side sends on a stream only what the other has given *credit* for, so a program that writes faster than its
//! reader reads waits, and one that never reads leaves the tool's standard input alone. Control frames need no credit:
//! the host sends few, and the guest's are answers to bytes that were sent.
//!
//! The credit of output has a second reason. QEMU's `virtconsole` never stops a guest whose bytes the host has no room
//! for: what the socket behind it does not take is dropped without a word. So what may be on its way must always fit,
//! and since a socket's buffer also pays for each write, however short, each frame of output costs [`FRAME_COST`]
//! beside its bytes. The guest sends a frame as header and payload in at most four descriptors: QEMU writes each by
//! itself.
//!
//! | kind   | direction | stream | payload                                                                         |
//! |--------|-----------|--------|---------------------------------------------------------------------------------|
//! | Data   | to host   | 1, 2, 3| bytes of standard output, standard error, the kernel's log                      |
//! | Data   | to guest  | 0      | bytes of standard input                                                         |
//! | End    | to guest  | 0      | none: standard input has ended                                                  |
//! | Credit | to host   | 0      | u32: the tool may send so many more bytes of input                              |
//! | Credit | to guest  | 1, 2, 3| u32: the guest may send so many more bytes on this stream                       |
//! | Closed | to guest  | 1, 2   | none: nobody reads this stream any more, writes are to give `EPIPE`             |
//! | Signal | to guest  | 0      | u32: Linux's number of a signal the tool was sent                               |
//! | Window | to guest  | 0      | u16 rows, u16 columns: the terminal's size                                      |
//! | Exit   | to host   | 0      | u32 code, u32 reason: see [`Ending`]; the last frame                            |

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 8;

/// The longest payload of a frame, in bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// The credit each output stream (1, 2, 3) has when the machine starts, in bytes. Standard input starts with none.
pub const INITIAL_OUTPUT_CREDIT: u32 = 64 * 1024;

/// What a frame of output costs beside its bytes: twice this is the most that the kernel of the host adds to four
/// writes of a Unix stream socket (measured: 768 for a short one, up to 2 n + 896 for one of n bytes).
pub const FRAME_COST: u32 = 2048;

/// The exit code of the tool when tool or kernel failed, as with `env`, `chroot` and `timeout`.
pub const FAILURE_EXIT_CODE: u8 = 125;

/// The longest frame that is not data: a header and two u32.
const MAX_CONTROL_LEN: usize = HEADER_LEN + 8;

/// A stream of bytes that the channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stream {
    /// The program's standard input, to the guest.
    Input = 0,
    /// The program's standard output, to the host.
    Output = 1,
    /// The program's standard error, to the host.
    Error = 2,
    /// The kernel's log, or with `--trace` the traced calls, to the host.
    Log = 3,
}

impl Stream {
    /// The streams that go to the host.
    pub const OUTPUTS: [Self; 3] = [Self::Output, Self::Error, Self::Log];

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Input),
            1 => Some(Self::Output),
            2 => Some(Self::Error),
            3 => Some(Self::Log),
            _ => None,
        }
    }

    /// Which way the bytes of this stream go.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::Input => Direction::ToGuest,
            Self::Output | Self::Error | Self::Log => Direction::ToHost,
        }
    }

    /// What a data frame of this stream costs beside its bytes.
    #[must_use]
    pub const fn frame_cost(self) -> u32 {
        match self.direction() {
            Direction::ToHost => FRAME_COST,
            Direction::ToGuest => 0,
        }
    }
}

/// What a frame says: its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Bytes of a stream.
    Data = 1,
    /// A stream has ended.
    End = 2,
    /// More bytes may be sent.
    Credit = 3,
    /// The reader of a stream has gone.
    Closed = 4,
    /// A signal for the program.
    Signal = 5,
    /// The size of the terminal.
    Window = 6,
    /// The machine has done its work.
    Exit = 7,
}

impl Kind {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Data),
            2 => Some(Self::End),
            3 => Some(Self::Credit),
            4 => Some(Self::Closed),
            5 => Some(Self::Signal),
            6 => Some(Self::Window),
            7 => Some(Self::Exit),
            _ => None,
        }
    }
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the guest to the tool.
    ToHost,
    /// From the tool to the guest.
    ToGuest,
}

impl Direction {
    const fn opposite(self) -> Self {
        match self {
            Self::ToHost => Self::ToGuest,
            Self::ToGuest => Self::ToHost,
        }
    }
}

/// How the machine came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The first program ended by `exit_group` with this code (reason 0).
    Exited(u8),
    /// The first program was killed by the signal of this number (reason 1; the frame's code is the bare number).
    Killed(u8),
    /// The kernel panicked (reason 2); what it had to say is in the log.
    Panicked,
}

impl Ending {
    /// The exit code of the tool: the program's own, 128 + n for a signal, 125 for a panic.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => 128_u8.saturating_add(signal),
            Self::Panicked => FAILURE_EXIT_CODE,
        }
    }
}

/// A frame that is not data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// Standard input has ended.
    End,
    /// The receiver of this frame may send `bytes` more on `stream`.
    Credit {
        /// The stream that may go on.
        stream: Stream,
        /// How many bytes more.
        bytes: u32,
    },
    /// Nobody reads this stream ([`Stream::Output`] or [`Stream::Error`]) any more.
    Closed(Stream),
    /// The program is to get the signal of this Linux number.
    Signal(u32),
    /// The terminal's size.
    Window {
        /// Lines of text.
        rows: u16,
        /// Characters in a line.
        columns: u16,
    },
    /// The machine has done its work.
    Exit(Ending),
}

impl Control {
    /// The frame's bytes.
    #[must_use]
    pub fn encode(self) -> Encoded {
        let frame = |kind: Kind, stream: Stream, payload: &[&[u8]]| {
            let length = payload.iter().map(|part| part.len()).sum();
            let mut encoded = Encoded { bytes: [0; MAX_CONTROL_LEN], len: 0 };
            encoded.push(&header(kind, stream, length));
            for part in payload {
                encoded.push(part);
            }
            encoded
        };
        match self {
            Self::End => frame(Kind::End, Stream::Input, &[]),
            Self::Credit { stream, bytes } => frame(Kind::Credit, stream, &[&bytes.to_le_bytes()]),
            Self::Closed(stream) => frame(Kind::Closed, stream, &[]),
            Self::Signal(number) => frame(Kind::Signal, Stream::Input, &[&number.to_le_bytes()]),
            Self::Window { rows, columns } => {
                frame(Kind::Window, Stream::Input, &[&rows.to_le_bytes(), &columns.to_le_bytes()])
            }
            Self::Exit(ending) => {
                let (code, reason): (u32, u32) = match ending {
                    Ending::Exited(code) => (code.into(), 0),
                    Ending::Killed(signal) => (signal.into(), 1),
                    Ending::Panicked => (FAILURE_EXIT_CODE.into(), 2),
                };
                frame(Kind::Exit, Stream::Input, &[&code.to_le_bytes(), &reason.to_le_bytes()])
            }
        }
    }

    /// Reads the payload of a control frame whose header has been checked.
    fn decode(header: Header, payload: &[u8]) -> Result<Self, Error> {
        let bad = Error::Payload(header.kind);
        Ok(match header.kind {
            Kind::Data => return Err(bad),
            Kind::End => Self::End,
            Kind::Closed => Self::Closed(header.stream),
            Kind::Credit => Self::Credit { stream: header.stream, bytes: u32_at(payload, 0).ok_or(bad)? },
            Kind::Signal => Self::Signal(u32_at(payload, 0).ok_or(bad)?),
            Kind::Window => {
                Self::Window { rows: u16_at(payload, 0).ok_or(bad)?, columns: u16_at(payload, 2).ok_or(bad)? }
            }
            Kind::Exit => {
                let code = u8::try_from(u32_at(payload, 0).ok_or(bad)?).map_err(|_| bad)?;
                Self::Exit(match u32_at(payload, 4).ok_or(bad)? {
                    0 => Ending::Exited(code),
                    1 if (1..=64).contains(&code) => Ending::Killed(code),
                    2 => Ending::Panicked,
                    _ => return Err(bad),
                })
            }
        })
    }
}

/// A control frame as bytes; derefs to them.
#[derive(Clone, Copy, Debug)]
pub struct Encoded {
    bytes: [u8; MAX_CONTROL_LEN],
    len: usize,
}

impl Encoded {
    fn push(&mut self, part: &[u8]) {
        for byte in part {
            if let Some(place) = self.bytes.get_mut(self.len) {
                *place = *byte;
                self.len += 1;
            }
        }
    }
}

impl core::ops::Deref for Encoded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The header of a data frame that carries `length` bytes; they follow it on the channel.
///
/// # Errors
/// [`Error::Length`] when `length` is 0 or more than [`MAX_PAYLOAD`].
pub fn data_header(stream: Stream, length: usize) -> Result<[u8; HEADER_LEN], Error> {
    match u32::try_from(length) {
        Ok(short) if (1..=MAX_PAYLOAD).contains(&length) => Ok(header(Kind::Data, stream, short as usize)),
        length => Err(Error::Length(length.unwrap_or(u32::MAX))),
    }
}

fn header(kind: Kind, stream: Stream, length: usize) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    [kind as u8, stream as u8, 0, 0, a, b, c, d]
}

/// What a decoder has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The next bytes of a stream: a data frame or, as it arrives, a piece of one.
    Data {
        /// Whose bytes.
        stream: Stream,
        /// One byte or more.
        bytes: &'a [u8],
        /// The credit that they have used, and that the receiver gives back when it has room again: their number, and
        /// with a frame's first piece the cost of a frame.
        cost: u32,
    },
    /// A whole control frame.
    Control(Control),
}

/// Why a byte sequence is not of this protocol. The channel cannot be used any further: where the next frame begins is
/// not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// The first byte of a frame is no kind.
    Kind(u8),
    /// This kind of frame cannot be about this stream in this direction.
    Stream(Kind, u8),
    /// The bytes that are to be zero are not.
    Reserved(u16),
    /// The length is not one that this kind may have.
    Length(u32),
    /// A control frame holds a value that means nothing.
    Payload(Kind),
    /// More bytes were sent than there was credit for.
    Credit(Stream),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "unknown frame kind {kind}"),
            Self::Stream(kind, stream) => write!(f, "a {kind:?} frame for stream {stream}"),
            Self::Reserved(value) => write!(f, "reserved bytes of a frame are {value:#x}"),
            Self::Length(length) => write!(f, "a frame of {length} bytes"),
            Self::Payload(kind) => write!(f, "a {kind:?} frame without meaning"),
            Self::Credit(stream) => write!(f, "more bytes than allowed on stream {stream:?}"),
        }
    }
}

impl core::error::Error for Error {}

/// A header that has been checked.
#[derive(Clone, Copy, Debug)]
struct Header {
    kind: Kind,
    stream: Stream,
    length: usize,
}

impl Header {
    fn decode(bytes: &[u8; HEADER_LEN], direction: Direction) -> Result<Self, Error> {
        let [kind, stream_byte, zero_low, zero_high, a, b, c, d] = *bytes;
        let kind = Kind::from_byte(kind).ok_or(Error::Kind(kind))?;
        let stream = Stream::from_byte(stream_byte)
            .filter(|stream| stream_fits(kind, *stream, direction))
            .ok_or(Error::Stream(kind, stream_byte))?;
        match u16::from_le_bytes([zero_low, zero_high]) {
            0 => {}
            other => return Err(Error::Reserved(other)),
        }
        let length = u32::from_le_bytes([a, b, c, d]);
        let fits = match kind {
            Kind::Data => (1..=MAX_PAYLOAD as u32).contains(&length),
            Kind::End | Kind::Closed => length == 0,
            Kind::Credit | Kind::Signal | Kind::Window => length == 4,
            Kind::Exit => length == 8,
        };
        if !fits {
            return Err(Error::Length(length));
        }
        Ok(Self { kind, stream, length: length as usize })
    }
}

/// Whether a frame of this kind and stream may travel in this direction.
fn stream_fits(kind: Kind, stream: Stream, direction: Direction) -> bool {
    match kind {
        Kind::Data => stream.direction() == direction,
        Kind::Credit => stream.direction() == direction.opposite(),
        Kind::Closed => direction == Direction::ToGuest && matches!(stream, Stream::Output | Stream::Error),
        Kind::End | Kind::Signal | Kind::Window => direction == Direction::ToGuest && stream == Stream::Input,
        Kind::Exit => direction == Direction::ToHost && stream == Stream::Input,
    }
}

/// Takes a channel's bytes apart, in whatever pieces they come. Holds one control frame at most.
#[derive(Debug)]
pub struct Decoder {
    direction: Direction,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between frames or inside of a header or a control frame, of which `held` bytes are here.
    Frame { bytes: [u8; MAX_CONTROL_LEN], held: usize },
    /// Inside of a data frame.
    Data { stream: Stream, left: usize, frame_cost: u32 },
    /// Nothing can be read any more.
    Failed(Error),
}

impl State {
    const START: Self = Self::Frame { bytes: [0; MAX_CONTROL_LEN], held: 0 };
}

impl Decoder {
    /// A decoder of the frames that go in one direction.
    #[must_use]
    pub const fn new(direction: Direction) -> Self {
        Self { direction, state: State::START }
    }

    /// Takes the next event off the front of `input`. `None`: `input` is used up, more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are not of this protocol; each later call gives the same error.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Event<'a>>, Error> {
        let result = self.step(input);
        if let Err(error) = result {
            self.state = State::Failed(error);
        }
        result
    }

    /// Whether the bytes so far end between two frames.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Frame { held: 0, .. })
    }

    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Event<'a>>, Error> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Data { stream, left, frame_cost } => {
                    let stream = *stream;
                    let bytes = take(input, *left);
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    let cost = core::mem::take(frame_cost) + bytes.len() as u32;
                    *left -= bytes.len();
                    if *left == 0 {
                        self.state = State::START;
                    }
                    return Ok(Some(Event::Data { stream, bytes, cost }));
                }
                State::Frame { bytes, held } => {
                    fill(bytes, held, HEADER_LEN, input);
                    let Some((head, rest)) = bytes.split_first_chunk().filter(|_| *held >= HEADER_LEN) else {
                        return Ok(None);
                    };
                    let header = Header::decode(head, self.direction)?;
                    if header.kind == Kind::Data {
                        self.state = State::Data {
                            stream: header.stream,
                            left: header.length,
                            frame_cost: header.stream.frame_cost(),
                        };
                        continue;
                    }
                    // Header::decode lets no control frame pass that is longer than MAX_CONTROL_LEN.
                    let wanted = HEADER_LEN + header.length;
                    if *held < wanted {
                        fill(bytes, held, wanted, input);
                        if *held < wanted {
                            return Ok(None);
                        }
                        continue;
                    }
                    let control = Control::decode(header, rest)?;
                    self.state = State::START;
                    return Ok(Some(Event::Control(control)));
                }
            }
        }
    }
}

/// How much may still be sent, or may still arrive, on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    left: u32,
    frame_cost: u32,
}

impl Credit {
    /// The credit that this stream has when the machine starts.
    #[must_use]
    pub const fn initial(stream: Stream) -> Self {
        let left = match stream.direction() {
            Direction::ToHost => INITIAL_OUTPUT_CREDIT,
            Direction::ToGuest => 0,
        };
        Self { left, frame_cost: stream.frame_cost() }
    }

    /// The longest payload that a frame may have now, in bytes; 0 when none may be sent.
    #[must_use]
    pub const fn room(self) -> usize {
        let room = self.left.saturating_sub(self.frame_cost) as usize;
        if room < MAX_PAYLOAD { room } else { MAX_PAYLOAD }
    }

    /// Adds what a [`Control::Credit`] frame gives.
    pub const fn add(&mut self, bytes: u32) {
        self.left = self.left.saturating_add(bytes);
    }

    /// The sender's side: pays for one data frame with up to `wanted` bytes and gives how many it may have, 0 when no
    /// frame may be sent now.
    pub fn take(&mut self, wanted: usize) -> usize {
        let taken = wanted.min(self.room());
        if taken > 0 {
            self.left -= self.frame_cost + taken as u32;
        }
        taken
    }

    /// The receiver's side: notes the cost of what has arrived; false (and nothing noted) when the sender had no
    /// credit for it and so broke the protocol.
    #[must_use]
    pub const fn spend(&mut self, cost: u32) -> bool {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

/// Moves bytes from `input` into `bytes` until `wanted` of them are held or `input` is used up.
fn fill(bytes: &mut [u8; MAX_CONTROL_LEN], held: &mut usize, wanted: usize, input: &mut &[u8]) {
    for byte in take(input, wanted.saturating_sub(*held)) {
        if let Some(place) = bytes.get_mut(*held) {
            *place = *byte;
            *held += 1;
        }
    }
}

/// Splits up to `wanted` bytes off the front of `input`.
fn take<'a>(input: &mut &'a [u8], wanted: usize) -> &'a [u8] {
    let whole = *input;
    match whole.split_at_checked(wanted) {
        Some((front, rest)) => {
            *input = rest;
            front
        }
        None => {
            *input = &[];
            whole
        }
    }
}

fn u32_at(payload: &[u8], at: usize) -> Option<u32> {
    payload.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u16_at(payload: &[u8], at: usize) -> Option<u16> {
    payload.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests;
