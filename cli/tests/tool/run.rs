//! `birgus run` and `birgus doctor` without a terminal.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::place::{Place, fake_qemu, smallest_program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn streams_and_exit_code_are_the_programs() {
    let place = Place::new();
    for code in [0, 1, 77, 124, 125, 255] {
        let output = place.output(&[], &["out:one\n", "err:two\n", "log:quiet", &format!("exit:{code}")]);
        assert_eq!(output.status.code(), Some(code));
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("one\n".to_owned(), "two\n".to_owned()));
    }
    assert_eq!(place.output(&[], &["kill:11"]).status.code(), Some(139));
}

#[test]
fn output_of_any_size_and_grain_arrives_whole() {
    let place = Place::new();
    let output = place.output(&[], &["fill:3000000"]);
    assert_eq!(output.stdout.len(), 3_000_000, "{}", text(&output.stderr));
    let output = place.output(&[], &["small:20000"]);
    let expected: Vec<u8> = (0..20_000).map(|count| count as u8).collect();
    assert!(output.stdout == expected, "{} bytes, {}", output.stdout.len(), text(&output.stderr));
}

#[test]
fn a_slow_reader_loses_nothing() {
    let place = Place::new();
    let mut child = place.run(&[], &["small:3000", "fill:1000000"]).stdout(Stdio::piped()).spawn().expect("starts");
    thread::sleep(Duration::from_millis(300));
    let mut bytes = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut bytes).expect("read");
    assert_eq!((bytes.len(), child.wait().expect("ends").code()), (1_003_000, Some(0)));
}

#[test]
fn streams_that_are_one_file_stay_in_order() {
    let place = Place::new();
    let file = fs::File::create(place.path("both")).expect("created");
    let mut run = place.run(&[], &["err:1", "out:2", "err:3", "out:4", "out:5", "err:6"]);
    run.stderr(file.try_clone().expect("cloned")).stdout(file).status().expect("starts");
    assert_eq!(fs::read_to_string(place.path("both")).expect("read"), "123456");
}

#[test]
fn input_reaches_the_program_to_its_end() {
    let place = Place::new();
    let input: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
    let mut child = place.run(&[], &["cat"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let sent = input.clone();
    let writer = thread::spawn(move || stdin.write_all(&sent));
    let mut echoed = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut echoed).expect("read");
    writer.join().expect("joined").expect("written");
    assert!(echoed == input, "{} bytes of {}", echoed.len(), input.len());
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn input_that_is_not_read_stays_for_the_next() {
    let place = Place::new();
    fs::write(place.path("lines"), "first\nsecond\n").expect("written");
    let file = fs::File::open(place.path("lines")).expect("opened");
    let output = place.run(&[], &["take:6"]).stdin(file.try_clone().expect("cloned")).output().expect("starts");
    assert_eq!(text(&output.stdout), "first\n");
    let output = place.run(&[], &["out:none"]).stdin(file.try_clone().expect("cloned")).output().expect("starts");
    assert_eq!(text(&output.stdout), "none");
    let mut rest = String::new();
    (&file).read_to_string(&mut rest).expect("read");
    assert_eq!(rest, "second\n");
}

#[test]
fn the_program_learns_that_its_reader_has_gone() {
    let place = Place::new();
    let mut child =
        place.run(&[], &["out:x", "closed", "fill:500000", "exit:5"]).stdout(Stdio::piped()).spawn().expect("starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut [0]).expect("read");
    drop(stdout);
    assert_eq!(child.wait().expect("ends").code(), Some(5));
}

#[test]
fn signals_reach_the_program() {
    let place = Place::new();
    for signal in [Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGHUP, Signal::SIGINT, Signal::SIGCONT] {
        let mut child = place.run(&[], &["out:x", "signal", "exit:3"]).stdout(Stdio::piped()).spawn().expect("starts");
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut [0]).expect("read");
        kill(Pid::from_raw(child.id() as i32), signal).expect("sent");
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("read");
        assert_eq!(rest, format!("signal {}\n", signal as i32));
        assert_eq!(child.wait().expect("ends").code(), Some(3));
    }
}

#[test]
fn a_second_interrupt_ends_the_machine() {
    let place = Place::new();
    let mut child = place.run(&[], &["out:x", "hang"]).stdout(Stdio::piped()).spawn().expect("starts");
    child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]).expect("read");
    let tool = Pid::from_raw(child.id() as i32);
    kill(tool, Signal::SIGINT).expect("sent");
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().expect("asked").is_none());
    kill(tool, Signal::SIGINT).expect("sent");
    assert_eq!(child.wait().expect("ends").code(), Some(130));
}

#[test]
fn before_there_is_a_program_a_signal_ends_the_tool() {
    let place = Place::new();
    let mut child = place.run(&[], &["hang"]).spawn().expect("starts");
    let start = Instant::now();
    while child.try_wait().expect("asked").is_none() && start.elapsed() < Duration::from_secs(10) {
        // The first may come before the tool receives signals at all, and then ends it too.
        let _ = kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM);
        thread::sleep(Duration::from_millis(50));
    }
    let status = child.wait().expect("ends");
    assert!(status.code().is_none_or(|code| code == 143), "{status}");
}

#[test]
fn a_machine_that_takes_too_long_is_ended() {
    let place = Place::new();
    let start = Instant::now();
    let output = place.output(&["--timeout", "0.3"], &["out:x", "hang"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(124), "x".to_owned()));
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn qemu_dies_with_the_tool() {
    let place = Place::new();
    let mut child = place.run(&[], &["out:x", "hang"]).stdout(Stdio::piped()).spawn().expect("starts");
    child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]).expect("read");
    let tool = child.id();
    let children = fs::read_to_string(format!("/proc/{tool}/task/{tool}/children")).expect("read");
    let qemu: i32 = children.trim().parse().expect("one child");
    child.kill().expect("killed");
    child.wait().expect("ended");
    for _ in 0..500 {
        let state = fs::read_to_string(format!("/proc/{qemu}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("QEMU still runs");
}

#[test]
fn failures_of_the_machine_are_explained() {
    let place = Place::new();
    for (script, wanted) in [
        (&["die:qemu: no such CPU"][..], "birgus: error: qemu: no such CPU"),
        (&["reset"], "birgus: error: the machine reset itself"),
        (&["log:all is lost", "reset"], "all is lost"),
        (&["log:at frames.rs:7", "panic"], "panicked\nat frames.rs:7"),
        (&["garbage"], "birgus: error: the machine does not keep to the protocol"),
    ] {
        let output = place.output(&[], script);
        assert_eq!(output.status.code(), Some(125), "{script:?}");
        assert!(text(&output.stderr).contains(wanted), "{script:?}: {}", text(&output.stderr));
    }
}

#[test]
fn the_log_is_shown_when_asked_for() {
    let place = Place::new();
    let output = place.output(&["-v", "--accel", "tcg"], &["log:one", "log:two", "out:x"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("x".to_owned(), "birgus: one\nbirgus: two\n".to_owned()));
    let output = place.output(&["--trace"], &["log:call() = 0"]);
    assert_eq!(text(&output.stderr), "call() = 0\n");
    let file = place.path("trace");
    let output = place.output(&[&format!("--trace={}", file.display())], &["log:call() = 0", "show"]);
    assert_eq!(
        (text(&output.stderr), fs::read_to_string(&file).expect("read")),
        (String::new(), "call() = 0\n".to_owned())
    );
    assert!(text(&output.stdout).contains("trace Some(true)"));
}

#[test]
fn arguments_and_environment_arrive_byte_for_byte() {
    let place = Place::new();
    let strange = std::ffi::OsStr::from_bytes(b"a b,c\n\xff'\"");
    let mut command = place.run(&["-e", "A=1=2", "-e", "SECRET", "-e", "NONE", "-w", "/tmp/x y"], &["show", "exit:0"]);
    let output = command.arg(strange).arg("").output().expect("starts");
    let shown = text(&output.stdout);
    let program = place.path("program").display().to_string();
    assert!(shown.contains(&format!("exec {program}\n")), "{shown}");
    assert!(shown.contains(&format!("argv [{program}][show][exit:0][a b,c\\n\\xff\\'\\\"][]\n")), "{shown}");
    assert!(shown.contains("[HOME=/][A=1=2][SECRET=of the host]\n"), "{shown}");
    assert!(shown.contains("cwd /tmp/x y\nterminal None\n"), "{shown}");
    assert!(shown.contains("clock true\nseed true\n"), "{shown}");
    assert!(!text(&place.output(&[], &["show"]).stdout).contains("SECRET"));
}

#[test]
fn two_megabytes_of_arguments_are_no_matter() {
    let place = Place::new();
    let long = "y".repeat(120_000);
    let script: Vec<&str> = ["qemu", "exit:0"].into_iter().chain(std::iter::repeat_n(&*long, 14)).collect();
    let output = place.output(&[], &script);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(output.stdout.len() < 4096, "the arguments are on QEMU's command line");
}

#[test]
fn the_machine_is_as_asked_for() {
    let place = Place::new();
    let line = |options: &[&str]| text(&place.output(options, &["qemu"]).stdout).replace('\n', " ");
    let plain = line(&[]);
    for wanted in ["-machine microvm,acpi=off", "-cpu max", "-smp 1", "-nodefaults", "-sandbox on,", "-accel tcg"] {
        assert!(plain.contains(wanted), "{wanted} in {plain}");
    }
    assert!(line(&["-m", "5M", "--cpu", "qemu64"]).contains("-cpu qemu64 -m 5120K"));
    assert!(line(&["--machine", "q35"]).contains("-machine q35 "));
    assert!(line(&["--machine", "pc"]).contains("virtio-serial-pci"));
    let counted = place.output(&["--icount"], &["qemu", "show"]);
    assert!(text(&counted.stdout).contains("shift=0,sleep=off"));
    assert!(text(&counted.stdout).contains("tsc Some(1000000)"));
}

#[test]
fn a_root_goes_with_the_program_or_holds_it() {
    let place = Place::new();
    let root = place.path("root");
    fs::create_dir_all(root.join("bin")).expect("made");
    fs::write(root.join("bin/app"), "x").expect("written");
    assert_eq!(text(&place.output(&[], &["modules"]).stdout), "handover program plan");
    let mut command = place.tool();
    command.args(["run", "--rootfs"]).arg(&root).args(["/bin/app", "modules", "show"]);
    let output = command.output().expect("starts");
    let shown = text(&output.stdout);
    assert!(shown.starts_with("handover archiveprogram /bin/app\nexec /bin/app\n"), "{shown}{}", text(&output.stderr));
}

#[test]
fn a_program_from_a_pipe_runs() {
    let place = Place::new();
    let output = Command::new("bash")
        .args(["-c", r#""$1" run <(cat "$2") modules"#, "bash", env!("CARGO_BIN_EXE_birgus")])
        .arg(place.path("program"))
        .env("BIRGUS_QEMU", fake_qemu())
        .output()
        .expect("bash");
    assert_eq!(text(&output.stdout), "handover program plan", "{}", text(&output.stderr));
}

#[test]
fn what_does_not_fit_is_said_before_the_start() {
    let place = Place::new();
    let mut program = smallest_program();
    program.resize(6 << 20, 0);
    fs::write(place.path("program"), program).expect("written");
    let output = place.output(&["-m", "5M"], &["exit:0"]);
    assert_eq!(output.status.code(), Some(125));
    assert!(text(&output.stderr).contains("try: -m "), "{}", text(&output.stderr));
}

#[test]
fn usage_errors_and_help() {
    let place = Place::new();
    let output = place.tool().args(["run", "-m", "nonsense", "x"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(125));
    let output = place.tool().args(["run", "--help"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    assert!(help.contains("Exit codes") && help.lines().all(|line| line.chars().count() <= 110), "{help}");
}

#[test]
fn the_doctor_names_the_mend() {
    let place = Place::new();
    let output = place.tool().arg("doctor").output().expect("starts");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("version 9.9"));
    let output = place.tool().arg("doctor").env_remove("BIRGUS_QEMU").output().expect("starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("apt-get install qemu-system-x86"));
}
