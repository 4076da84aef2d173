//! Tests of the protocol.
extern crate std;

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// A whole frame, as a test writes and compares it.
#[derive(Clone, Debug, PartialEq)]
enum Sent {
    Data(Stream, Vec<u8>),
    Control(Control),
}

fn encode(frames: &[Sent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        match frame {
            Sent::Data(stream, data) => {
                bytes.extend(data_header(*stream, data.len()).expect("length"));
                bytes.extend(data);
            }
            Sent::Control(control) => bytes.extend_from_slice(&control.encode()),
        }
    }
    bytes
}

/// Decodes chunks; neighbouring pieces of data of one stream are joined.
fn decode(direction: Direction, chunks: &[&[u8]]) -> Result<Vec<Sent>, Error> {
    let mut decoder = Decoder::new(direction);
    let mut found: Vec<Sent> = Vec::new();
    for chunk in chunks {
        let mut input = *chunk;
        while let Some(event) = decoder.next(&mut input)? {
            match (event, found.last_mut()) {
                (Event::Data { stream, bytes, .. }, Some(Sent::Data(last, data))) if *last == stream => {
                    data.extend(bytes);
                }
                (Event::Data { stream, bytes, .. }, _) => {
                    found.push(Sent::Data(stream, bytes.to_vec()));
                }
                (Event::Control(control), _) => found.push(Sent::Control(control)),
            }
        }
        assert!(input.is_empty(), "the decoder left bytes behind");
    }
    Ok(found)
}

fn joined(frames: &[Sent]) -> Vec<Sent> {
    let mut whole: Vec<Sent> = Vec::new();
    for frame in frames {
        match (frame, whole.last_mut()) {
            (Sent::Data(stream, more), Some(Sent::Data(last, data))) if last == stream => {
                data.extend(more);
            }
            _ => whole.push(frame.clone()),
        }
    }
    whole
}

#[test]
fn a_frame_has_the_layout_of_the_table() {
    assert_eq!(data_header(Stream::Error, 0x1234), Ok([1, 2, 0, 0, 0x34, 0x12, 0, 0]));
    assert_eq!(*Control::Exit(Ending::Exited(255)).encode(), [7, 0, 0, 0, 8, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(*Control::Closed(Stream::Output).encode(), [4, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(*Control::Window { rows: 24, columns: 80 }.encode(), [6, 0, 0, 0, 4, 0, 0, 0, 24, 0, 80, 0]);
}

#[test]
fn data_fits_in_64_kib() {
    assert!(data_header(Stream::Output, MAX_PAYLOAD).is_ok());
    assert_eq!(data_header(Stream::Output, 0), Err(Error::Length(0)));
    assert_eq!(data_header(Stream::Output, MAX_PAYLOAD + 1), Err(Error::Length(65537)));
}

#[test]
fn what_is_not_of_the_protocol_is_refused_for_good() {
    let cases: &[(Direction, &[u8], Error)] = &[
        (Direction::ToHost, &[0; 8], Error::Kind(0)),
        (Direction::ToHost, &[8, 0, 0, 0, 0, 0, 0, 0], Error::Kind(8)),
        (Direction::ToHost, &[1, 4, 0, 0, 1, 0, 0, 0], Error::Stream(Kind::Data, 4)),
        (Direction::ToHost, &[1, 0, 0, 0, 1, 0, 0, 0], Error::Stream(Kind::Data, 0)),
        (Direction::ToGuest, &[1, 1, 0, 0, 1, 0, 0, 0], Error::Stream(Kind::Data, 1)),
        (Direction::ToHost, &[3, 1, 0, 0, 4, 0, 0, 0], Error::Stream(Kind::Credit, 1)),
        (Direction::ToGuest, &[3, 0, 0, 0, 4, 0, 0, 0], Error::Stream(Kind::Credit, 0)),
        (Direction::ToGuest, &[4, 3, 0, 0, 0, 0, 0, 0], Error::Stream(Kind::Closed, 3)),
        (Direction::ToGuest, &[7, 0, 0, 0, 8, 0, 0, 0], Error::Stream(Kind::Exit, 0)),
        (Direction::ToHost, &[5, 0, 0, 0, 4, 0, 0, 0], Error::Stream(Kind::Signal, 0)),
        (Direction::ToHost, &[1, 1, 0, 1, 1, 0, 0, 0], Error::Reserved(0x100)),
        (Direction::ToHost, &[1, 1, 0, 0, 0, 0, 0, 0], Error::Length(0)),
        (Direction::ToHost, &[1, 1, 0, 0, 1, 0, 1, 0], Error::Length(65537)),
        (Direction::ToGuest, &[2, 0, 0, 0, 1, 0, 0, 0], Error::Length(1)),
        (Direction::ToHost, &[7, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], Error::Payload(Kind::Exit)),
        (Direction::ToHost, &[7, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0], Error::Payload(Kind::Exit)),
        (Direction::ToHost, &[7, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], Error::Payload(Kind::Exit)),
    ];
    for (direction, bytes, error) in cases {
        let mut decoder = Decoder::new(*direction);
        assert_eq!(decoder.next(&mut &bytes[..]), Err(*error), "{bytes:?}");
        let good = Control::Exit(Ending::Exited(0)).encode();
        assert_eq!(decoder.next(&mut &good[..]), Err(*error), "{bytes:?}, then a good frame");
    }
}

#[test]
fn an_ending_is_an_exit_code() {
    assert_eq!(Ending::Exited(255).exit_code(), 255);
    assert_eq!(Ending::Killed(9).exit_code(), 137);
    assert_eq!(Ending::Panicked.exit_code(), 125);
}

#[test]
fn a_frame_of_output_costs_more_than_its_bytes() {
    let mut sender = Credit::initial(Stream::Output);
    assert_eq!(sender.room(), 62 * 1024);
    assert_eq!(sender.take(1), 1);
    assert_eq!(sender.room(), 60 * 1024 - 1);
    assert_eq!(sender.take(usize::MAX), 60 * 1024 - 1);
    assert_eq!(sender.take(1), 0);
    sender.add(2048);
    assert_eq!(sender.take(1), 0);
    sender.add(1);
    assert_eq!(sender.take(2), 1);
    sender.add(u32::MAX);
    sender.add(1);
    assert_eq!(sender.take(usize::MAX), MAX_PAYLOAD);
}

#[test]
fn input_costs_its_bytes() {
    let mut credit = Credit::initial(Stream::Input);
    assert_eq!(credit.take(1), 0);
    credit.add(5);
    assert_eq!(credit.take(7), 5);
}

#[test]
fn the_receiver_notes_what_the_sender_paid() {
    let mut sender = Credit::initial(Stream::Log);
    let mut receiver = sender;
    let mut decoder = Decoder::new(Direction::ToHost);
    while sender.room() > 0 {
        let length = sender.take(1000);
        let frame = encode(&[Sent::Data(Stream::Log, std::vec![7; length])]);
        for chunk in frame.chunks(600) {
            let mut input = chunk;
            while let Some(event) = decoder.next(&mut input).expect("a good frame") {
                let Event::Data { cost, .. } = event else { panic!("{event:?}") };
                assert!(receiver.spend(cost));
            }
        }
        assert_eq!(sender, receiver);
    }
    assert!(!receiver.spend(FRAME_COST + 1));
    assert_eq!(sender, receiver);
}

fn data(stream: Stream) -> impl Strategy<Value = Sent> {
    prop::collection::vec(any::<u8>(), 1..40).prop_map(move |data| Sent::Data(stream, data))
}

fn to_guest() -> impl Strategy<Value = Sent> {
    let output = prop::sample::select(&Stream::OUTPUTS[..]);
    prop_oneof![
        data(Stream::Input),
        Just(Sent::Control(Control::End)),
        (output, any::<u32>()).prop_map(|(stream, bytes)| Sent::Control(Control::Credit { stream, bytes })),
        prop::sample::select(&[Stream::Output, Stream::Error][..])
            .prop_map(|stream| Sent::Control(Control::Closed(stream))),
        any::<u32>().prop_map(|number| Sent::Control(Control::Signal(number))),
        any::<(u16, u16)>().prop_map(|(rows, columns)| Sent::Control(Control::Window { rows, columns })),
    ]
}

fn to_host() -> impl Strategy<Value = Sent> {
    let ending =
        prop_oneof![any::<u8>().prop_map(Ending::Exited), (1_u8..=64).prop_map(Ending::Killed), Just(Ending::Panicked)];
    prop_oneof![
        data(Stream::Output),
        data(Stream::Error),
        data(Stream::Log),
        any::<u32>().prop_map(|bytes| Sent::Control(Control::Credit { stream: Stream::Input, bytes })),
        ending.prop_map(|ending| Sent::Control(Control::Exit(ending))),
    ]
}

/// The frames come out as they went in, wherever the bytes are cut.
fn survives_cutting(direction: Direction, frames: &[Sent], cuts: &[prop::sample::Index]) {
    let bytes = encode(frames);
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
    assert_eq!(decode(direction, &chunks), Ok(joined(frames)));
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(decode(direction, &single), Ok(joined(frames)));
}

proptest! {
    #[test]
    fn chunking_does_not_matter_to_the_host(
        frames in prop::collection::vec(to_host(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        survives_cutting(Direction::ToHost, &frames, &cuts);
    }

    #[test]
    fn chunking_does_not_matter_to_the_guest(
        frames in prop::collection::vec(to_guest(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        survives_cutting(Direction::ToGuest, &frames, &cuts);
    }

    #[test]
    fn foreign_bytes_end_in_an_error_or_are_used_up(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let whole = decode(Direction::ToHost, &[&bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(whole, decode(Direction::ToHost, &single));
    }
}
