use super::*;

fn strings(list: Vec<Vec<u8>>) -> Vec<alloc::string::String> {
    list.into_iter().map(|bytes| alloc::string::String::from_utf8(bytes).expect("text")).collect()
}

fn line(text: &str) -> CommandLine<'_> {
    CommandLine::new(text.as_bytes())
}

fn arguments(text: &str) -> Vec<alloc::string::String> {
    strings(line(text).arguments())
}

/// Without the two that are always there.
fn environment(text: &str) -> Vec<alloc::string::String> {
    strings(line(text).environment()).split_off(2)
}

#[test]
fn words_are_cut_at_blanks() {
    let words: Vec<_> = line("  a\tb=1 \n c=d=e =f g=").words().map(|word| (word.name, word.value)).collect();
    let wanted: [(&[u8], Option<&[u8]>); 5] =
        [(b"a", None), (b"b", Some(b"1")), (b"c", Some(b"d=e")), (b"=f", None), (b"g", Some(b""))];
    assert_eq!(words, wanted);
    assert_eq!(line("").words().count(), 0);
    assert_eq!(line(" \t ").words().count(), 0);
}

#[test]
fn quotes_are_taken_off_as_linux_does() {
    let cases: [(&str, &str, Option<&str>); 9] = [
        (r#"name="a b""#, "name", Some("a b")),
        (r#""name=a b""#, "name", Some("a b")),
        (r#""two words""#, "two words", None),
        (r#"name="a b"c"#, "name", Some(r#"a b"c"#)),
        (r#"na"me x"=1"#, r#"na"me x""#, Some("1")),
        (r#"name=a" "b"#, "name", Some(r#"a" "b"#)),
        (r#"name="open end"#, "name", Some("open end")),
        (r#""open end"#, "open end", None),
        (r#"name="""#, "name", Some("")),
    ];
    for (text, name, value) in cases {
        let words: Vec<_> = line(text).words().collect();
        assert_eq!(words, [Word { name: name.as_bytes(), value: value.map(str::as_bytes) }], "{text}");
    }
}

#[test]
fn a_quote_alone_is_an_empty_word() {
    assert_eq!(arguments(r#"-- "" a"#), ["", "a"]);
    assert_eq!(arguments(r#"-- ""#), [""]);
}

#[test]
fn the_last_value_counts_and_dashes_are_underscores() {
    let both = line("birgus.tsc_khz=1 birgus.tsc-khz=2 -- birgus.tsc_khz=3");
    assert_eq!(both.tsc_khz(), Some(2));
    assert_eq!(line("birgus.tsc_khz=0").tsc_khz(), None);
    assert_eq!(line("birgus.tsc_khz=4294967296").tsc_khz(), None);
    assert_eq!(line("birgus.tsc_khz").tsc_khz(), None);
    assert_eq!(line("birgus.debug_exit=0xf4").debug_exit(), Some(0xf4));
    assert_eq!(line("birgus.debug_exit=0x10000").debug_exit(), None);
    assert_eq!(["", "birgus.cpus=4", "birgus.cpus=0", "birgus.cpus=-1"].map(|text| line(text).cpus()), [1, 4, 1, 1]);
}

#[test]
fn switches_may_have_a_value() {
    for (text, on) in [
        ("birgus.log", true),
        ("birgus.log=1", true),
        ("birgus.log=on", true),
        ("birgus.log=0", false),
        ("birgus.log birgus.log=n", false),
        ("birgus.logs", false),
        ("-- birgus.log", false),
    ] {
        assert_eq!(line(text).log(), on, "{text}");
    }
}

#[test]
fn the_last_known_console_counts() {
    assert_eq!(line("").console(), None);
    assert_eq!(line("console=tty0").console(), None);
    assert_eq!(line("console=ttyS0,115200n8 console=tty0").console(), Some(Console::Serial));
    assert_eq!(line("console=ttyS0 console=hvc0").console(), Some(Console::Virtio));
}

#[test]
fn log_levels() {
    assert_eq!(line("").log_level(), None);
    assert_eq!(line("quiet").log_level(), Some(4));
    assert_eq!(line("quiet loglevel=7").log_level(), Some(7));
    assert_eq!(line("loglevel=7 debug").log_level(), Some(10));
    assert_eq!(line("quiet loglevel=x").log_level(), Some(4));
    assert_eq!(line("quiet=1").log_level(), None);
}

#[test]
fn init_is_named_by_either_word() {
    assert_eq!(line("quiet").init(), None);
    assert_eq!(line("init=/a").init(), Some(&b"/a"[..]));
    assert_eq!(line("rdinit=/b init=/a").init(), Some(&b"/b"[..]));
    assert_eq!(line("-- init=/a").init(), None);
}

#[test]
fn unknown_words_are_for_the_program() {
    let text = r#"console=ttyS0 quiet single A=1 B="x y" usbcore.autosuspend=1 foo.bar -- one "two three" C=d quiet"#;
    assert_eq!(arguments(text), ["single", "one", "two three", "C=d", "quiet"]);
    assert_eq!(environment(text), ["A=1", "B=x y"]);
}

#[test]
fn arguments_before_init_are_dropped_but_not_variables() {
    assert_eq!(arguments("auto A=1 init=/bin/sh -x"), ["-x"]);
    assert_eq!(environment("auto A=1 init=/bin/sh -x"), ["A=1"]);
    assert_eq!(arguments("init=/bin/sh a rdinit=/x"), Vec::<alloc::string::String>::new());
}

#[test]
fn only_the_first_double_dash_counts() {
    assert_eq!(arguments("-- a -- b"), ["a", "--", "b"]);
    assert_eq!(arguments("--=1 x"), ["x"]);
    assert_eq!(arguments("--"), Vec::<alloc::string::String>::new());
}

#[test]
fn the_environment_begins_with_linux_own_and_names_are_unique() {
    assert_eq!(strings(line("").environment()), ["HOME=/", "TERM=linux"]);
    assert_eq!(strings(line("TERM=vt100 A=1 HOMES=2 A=3").environment()), ["HOME=/", "TERM=vt100", "A=3", "HOMES=2"]);
}

#[test]
fn firecracker_style() {
    let line = line(
        "console=ttyS0 reboot=k panic=1 pci=off nomodules 8250.nr_uarts=0 i8042.noaux i8042.nopnp \
         root=/dev/vda rw virtio_mmio.device=4K@0xd0000000:5 virtio_mmio.device=4K@0xd0001000:6",
    );
    let devices: Vec<_> = line.virtio_mmio_devices().collect();
    let device = |address, gsi| VirtioMmioDevice { size: 4096, address, gsi };
    assert_eq!(devices, [device(0xd000_0000, 5), device(0xd000_1000, 6)]);
    assert_eq!(line.console(), Some(Console::Serial));
    assert_eq!(line.arguments(), Vec::<Vec<u8>>::new());
    assert_eq!(strings(line.environment()), ["HOME=/", "TERM=linux"]);
    assert_eq!(line.value("root"), Some(&b"/dev/vda"[..]));
}

#[test]
fn devices_that_cannot_be_read_are_none() {
    for value in [
        "",
        "512",
        "512@",
        "512@0x1000",
        "512@0x1000:",
        "512@0x1000:x",
        "@0x1000:5",
        "512@1000g:5",
        "x@0x1000:5",
        "0x@0x1000:5",
        "512@0x+1:5",
        "17179869184G@0:1",
        "2@0xffffffffffffffff:1",
        "K@0:1",
    ] {
        let text = alloc::format!("virtio_mmio.device={value}");
        assert_eq!(line(&text).virtio_mmio_devices().count(), 0, "{value}");
    }
    let text = "virtio_mmio.device=512@0xfeb00e00:12:3";
    let wanted = VirtioMmioDevice { size: 512, address: 0xfeb0_0e00, gsi: 12 };
    assert_eq!(line(text).virtio_mmio_devices().collect::<Vec<_>>(), [wanted]);
}

#[test]
fn any_bytes_are_let_through() {
    let line = CommandLine::new(b"\xff=\xfe \x80 loglevel=\xff console=\xff virtio_mmio.device=\xff");
    assert_eq!(line.arguments(), [b"\x80".to_vec()]);
    assert_eq!(line.environment().last(), Some(&b"\xff=\xfe".to_vec()));
    assert_eq!((line.log_level(), line.console(), line.virtio_mmio_devices().count()), (None, None, 0));
}

#[test]
fn words_of_a_module() {
    assert_eq!(
        strings(module_words(br#"/tmp/app -c "a b" X="1 2" --"#).collect()),
        ["/tmp/app", "-c", "a b", "X=1 2", "--"]
    );
    assert_eq!(module_words(b"").count(), 0);
}
