use super::*;
use alloc::collections::BTreeMap;
use alloc::vec;

const TOP: u64 = 0x7fff_ffff_f000;
const RANDOM: [u8; 16] = *b"0123456789abcdef";

/// Reads an image as a C library does.
struct Reader<'a>(&'a Image);

impl Reader<'_> {
    fn bytes(&self, address: u64) -> &[u8] {
        &self.0.bytes[usize::try_from(address - self.0.pointer).unwrap()..]
    }

    fn word(&self, address: u64) -> u64 {
        u64::from_le_bytes(*self.bytes(address).first_chunk().unwrap())
    }

    fn string(&self, address: u64) -> Vec<u8> {
        self.bytes(address).iter().copied().take_while(|&byte| byte != 0).collect()
    }

    /// The strings of a list of pointers that ends in a NULL, and where the list ends.
    fn list(&self, mut place: u64) -> (Vec<Vec<u8>>, u64) {
        let mut strings = vec![];
        while self.word(place) != 0 {
            strings.push(self.string(self.word(place)));
            place += 8;
        }
        (strings, place + 8)
    }
}

type Seen = (Vec<Vec<u8>>, Vec<Vec<u8>>, BTreeMap<u64, u64>);

/// Arguments, environment and auxiliary vector, all checks of place passed.
fn seen(image: &Image) -> Seen {
    let reader = Reader(image);
    assert_eq!(image.pointer % 16, 0);
    assert_eq!(image.pointer + image.bytes.len() as u64, TOP);
    assert_eq!(image.bytes.capacity(), image.bytes.len(), "one allocation of the exact size");
    let (arguments, after) = reader.list(image.pointer + 8);
    assert_eq!(reader.word(image.pointer), arguments.len() as u64);
    let (environment, mut place) = reader.list(after);
    assert_eq!(place, image.auxiliary.start);
    let mut auxiliary = BTreeMap::new();
    while place < image.auxiliary.end {
        assert_eq!(auxiliary.insert(reader.word(place), reader.word(place + 8)), None);
        place += 16;
    }
    assert_eq!(auxiliary.remove(&0), Some(0), "AT_NULL");
    assert_eq!(reader.word(image.auxiliary.end - 16), 0, "AT_NULL is the last");
    (arguments, environment, auxiliary)
}

fn startup<'a>(
    arguments: &'a [&'a [u8]],
    environment: &'a [&'a [u8]],
) -> Startup<'a, impl Iterator<Item = &'a [u8]> + Clone, impl Iterator<Item = &'a [u8]> + Clone> {
    Startup {
        arguments: arguments.iter().copied(),
        environment: environment.iter().copied(),
        name: b"/bin/program",
        random: RANDOM,
        auxiliary: Auxiliary { entry: 0x40_1000, uid: 7, secure: true, ..Auxiliary::default() },
        top: TOP,
        total_limit: total_limit(8 << 20),
    }
}

#[test]
fn a_program_finds_all_it_was_given() {
    let (arguments, environment) = ([&b"program"[..], b"", b"-x y\n\xff"], [&b"A=1"[..], b"=", b"B"]);
    let image = startup(&arguments, &environment).image().unwrap();
    let (seen_arguments, seen_environment, auxiliary) = seen(&image);
    assert_eq!(seen_arguments, arguments);
    assert_eq!(seen_environment, environment);
    let reader = Reader(&image);
    assert_eq!(reader.string(auxiliary[&31]), b"/bin/program"); // AT_EXECFN
    assert_eq!(reader.string(auxiliary[&15]), b"x86_64"); // AT_PLATFORM
    assert_eq!(reader.bytes(auxiliary[&25])[..16], RANDOM); // AT_RANDOM
    assert_eq!(auxiliary[&9], 0x40_1000); // AT_ENTRY
    assert_eq!(auxiliary[&6], 4096); // AT_PAGESZ
    assert_eq!(auxiliary[&11], 7); // AT_UID
    assert_eq!(auxiliary[&23], 1); // AT_SECURE
    assert_eq!(auxiliary[&17], 100); // AT_CLKTCK
    assert!(!auxiliary.contains_key(&33)); // AT_SYSINFO_EHDR
}

#[test]
fn the_order_is_linux_s() {
    let mut startup = startup(&[b"a", b"bc"], &[b"D=e"]);
    startup.auxiliary.vdso = Some(0x7fff_0000_0000);
    let image = startup.image().unwrap();
    // As /proc/self/auxv shows on Linux 6.18, the two of rseq left out.
    let order = [33, 51, 16, 6, 17, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 23, 25, 26, 31, 15, 0];
    let reader = Reader(&image);
    let keys: Vec<u64> = image.auxiliary.clone().step_by(16).map(|place| reader.word(place)).collect();
    assert_eq!(keys, order);
    assert!(image.bytes.ends_with(b"a\0bc\0D=e\0/bin/program\0\0\0\0\0\0\0\0\0"));
    assert_eq!(reader.bytes(image.arguments.start)[..5], *b"a\0bc\0");
    assert_eq!(image.arguments.end, image.environment.start);
    assert_eq!(image.environment.end, TOP - 8 - 13);
}

#[test]
fn the_stack_pointer_is_aligned_for_any_number_of_strings() {
    let strings = [&b"x"[..]; 9];
    for arguments in 1..9 {
        for environment in 0..9 {
            let image = startup(&strings[..arguments], &strings[..environment]).image().unwrap();
            let seen = seen(&image);
            assert_eq!((seen.0.len(), seen.1.len()), (arguments, environment));
        }
    }
}

#[test]
fn without_arguments_there_is_an_empty_one() {
    let image = startup(&[], &[b"A=1"]).image().unwrap();
    let (arguments, environment, _) = seen(&image);
    assert_eq!((arguments, environment), (vec![vec![]], vec![b"A=1".to_vec()]));
    assert_eq!(image.arguments.end - image.arguments.start, 1);
}

#[test]
fn two_mebibytes_of_arguments() {
    let long = [b'x'; 100];
    let strings = vec![&long[..]; 20_000];
    let mut startup = startup(&strings, &[]);
    assert_eq!(startup.image(), Err(Error::TooBig), "with a stack of 8 MiB");
    startup.total_limit = total_limit(16 << 20);
    let image = startup.image().unwrap();
    assert_eq!(image.arguments.end - image.arguments.start, 20_000 * 101);
    assert_eq!(seen(&image).0.len(), 20_000);
}

#[test]
fn limits_are_linux_s() {
    assert_eq!(total_limit(8 << 20), 2 << 20);
    assert_eq!(total_limit(0), 128 * 1024);
    assert_eq!(total_limit(u64::MAX), 6 << 20);

    let longest = vec![b'x'; STRING_LIMIT - 1];
    let too_long = vec![b'x'; STRING_LIMIT];
    assert!(startup(&[&longest], &[]).image().is_ok());
    assert_eq!(startup(&[&too_long], &[]).image(), Err(Error::TooBig));
    assert_eq!(startup(&[], &[&too_long]).image(), Err(Error::TooBig));
    assert_eq!(Error::TooBig.errno(), 7);

    // "a", "A=1", the name and two pointers.
    let (arguments, environment) = ([&b"a"[..]], [&b"A=1"[..]]);
    let mut startup = startup(&arguments, &environment);
    startup.total_limit = 2 + 4 + 13 + 16;
    assert!(startup.image().is_ok());
    startup.total_limit -= 1;
    assert_eq!(startup.image(), Err(Error::TooBig));
}

#[test]
fn a_stack_without_room_is_refused() {
    let mut startup = startup(&[], &[]);
    for top in [0, 7, 8, 100, 0x180] {
        startup.top = top;
        assert_eq!(startup.image(), Err(Error::TooBig));
    }
    startup.top = 0x1000;
    assert!(startup.image().is_ok());
}

proptest::proptest! {
    #[test]
    fn any_strings(
        arguments in strings(),
        environment in strings(),
        top in 0_u64..1 << 47,
    ) {
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let environment: Vec<&[u8]> = environment.iter().map(Vec::as_slice).collect();
        let mut startup = startup(&arguments, &environment);
        let image = startup.image().unwrap();
        let (seen_arguments, seen_environment, auxiliary) = seen(&image);
        if !arguments.is_empty() {
            assert_eq!(seen_arguments, arguments);
        }
        assert_eq!(seen_environment, environment);
        assert_eq!(auxiliary.len(), 19);
        // Any top is good, aligned or not, that leaves room.
        startup.top = top;
        if let Ok(image) = startup.image() {
            assert_eq!(image.pointer % 16, 0);
            assert_eq!(image.pointer + image.bytes.len() as u64, top);
        } else {
            assert!(top < 8192);
        }
    }
}

fn strings() -> impl proptest::strategy::Strategy<Value = Vec<Vec<u8>>> {
    use proptest::collection::vec;
    vec(vec(1..=255_u8, 0..40), 0..20)
}
