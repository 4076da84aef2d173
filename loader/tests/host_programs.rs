//! Programs of this host, and one linked for the test, checked against what they are known to be.

use birgus_loader::{Kind, Plan, plan};
use std::process::Command;

fn planned(path: impl AsRef<std::path::Path>) -> Plan {
    plan(std::fs::read(path).unwrap().as_slice()).unwrap()
}

/// Links a program that prints a line, with `options`; None where there is no C compiler or no static libc.
fn linked(options: &[&str]) -> Option<Plan> {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("hello.c"), folder.path().join("hello"));
    std::fs::write(&source, "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n").unwrap();
    let mut compiler = Command::new("cc");
    let status = compiler.args(options).arg("-o").arg(&program).arg(&source).status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("skipped: cc cannot link with {options:?}");
        return None;
    }
    assert_eq!(Command::new(&program).output().unwrap().stdout, b"hello\n");
    Some(planned(&program))
}

#[test]
fn a_static_program() {
    let Some(plan) = linked(&["-static", "-no-pie"]) else {
        return;
    };
    assert_eq!(plan.kind, Kind::Fixed);
    assert_eq!(plan.span.start, 0x40_0000);
    assert_eq!(plan.program_headers.address, Some(0x40_0040));
    assert_eq!(plan.interpreter, None);
    assert!(!plan.stack_executable);
    let writable = plan.segments.iter().filter(|s| s.protection.writable).count();
    let executable = plan.segments.iter().filter(|s| s.protection.executable).count();
    assert_eq!((writable, executable), (1, 1));
    assert!(plan.memory_size() <= plan.span.end - plan.span.start);
}

#[test]
fn a_static_pie() {
    let Some(plan) = linked(&["-static-pie"]) else {
        return;
    };
    assert_eq!(plan.kind, Kind::PositionIndependent);
    assert_eq!(plan.span.start, 0);
    assert_eq!(plan.alignment, 0x1000);
    assert_eq!(plan.interpreter, None);
    assert_eq!(plan.bias_for(0x7f00_0000_0000), Some(0x7f00_0000_0000));
}

#[test]
fn a_static_pie_with_large_pages() {
    let Some(plan) = linked(&["-static-pie", "-Wl,-z,max-page-size=0x200000"]) else {
        return;
    };
    assert_eq!(plan.alignment, 0x20_0000);
    assert_eq!(plan.bias_for(0x7f00_0000_1000), Some(0x7f00_0020_0000));
}

#[test]
fn a_program_with_an_executable_stack() {
    let Some(plan) = linked(&["-static", "-Wl,-z,execstack"]) else {
        return;
    };
    assert!(plan.stack_executable);
}

#[test]
fn a_dynamic_program() {
    let Some(plan) = linked(&["-pie", "-fPIE"]) else {
        return;
    };
    assert_eq!(plan.interpreter.as_deref(), Some(&b"/lib64/ld-linux-x86-64.so.2"[..]));
}

#[test]
fn this_very_test() {
    let plan = planned(std::env::current_exe().unwrap());
    assert!(plan.segments.iter().any(|segment| segment.pages().contains(&plan.entry)));
    assert!(plan.program_headers.address.is_some());
}
