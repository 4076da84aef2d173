//! Prebuilt programs that other people made.

use crate::case::{Case, Program};
use crate::outcome::Stderr;

use super::noise;

/// A case of a recipe.
fn of(recipe: &'static str, what: &str) -> Case {
    Case::new(format!("{recipe}/{what}"), Program::Recipe(recipe))
}

const SHELL_SCRIPT: &str = include_str!("images/script.sh");
const PROCESSES: &str = include_str!("images/processes.sh");
const BASH_PROCESSES: &str = include_str!("images/processes.bash");
const BASH_SCRIPT: &str = include_str!("images/script.bash");
const SQL: &str = include_str!("images/queries.sql");
const LUA: &str = include_str!("images/script.lua");

/// The cases.
pub(crate) fn of_images() -> Vec<Case> {
    let mut cases = small();
    cases.extend(busybox());
    cases.extend(shells());
    cases.extend(large_runtimes());
    cases.extend(databases());
    cases
}

fn small() -> Vec<Case> {
    ["hello", "hello-pie", "hello-musl"].into_iter().map(|recipe| of(recipe, "default")).collect()
}

fn busybox() -> Vec<Case> {
    let of = |what| of("busybox", what);
    let lines = "pear 3\napple 10\nfig 2\napple 10\n";
    vec![
        of("echo").arguments(["echo", "-n", "hi there"]),
        of("ls").arguments(["ls", "-R", "."]).file("b/c", "1").file("a", "22").file("b/d/e", ""),
        of("stat").arguments(["stat", "-c", "%n %s %F %a %u %g", "a", "b", "."]).file("a", "22").file("b/x", ""),
        of("cat").arguments(["cat", "a", "-", "b"]).file("a", "A\n").file("b", "B\n").stdin("between\n"),
        of("cat-noise").arguments(["cat", "noise"]).file("noise", noise(200_001)),
        of("sha256sum").arguments(["sha256sum", "big"]).file("big", noise(20 << 20)),
        of("md5sum-stdin").arguments(["md5sum"]).stdin(noise(1 << 20)),
        of("awk").arguments(["awk", "{ n[$1] += $2 } END { print n[\"apple\"], NR }", "list"]).file("list", lines),
        of("sed").arguments(["sed", "-e", "s/\\(p*\\)le/<\\1>/", "-e", "3d", "list"]).file("list", lines),
        of("sort").arguments(["sort", "-u", "-k2n", "list"]).file("list", lines),
        of("gzip").arguments(["gzip", "-k", "-c", "noise"]).file("noise", "text ".repeat(10_000)),
        of("gunzip-refused").arguments(["gunzip", "-c", "noise.gz"]).file("noise.gz", noise(1000)),
        of("tar").arguments(["tar", "cf", "out.tar", "a", "b"]).file("a", "A").file("b/c", "C"),
        of("find").arguments(["find", ".", "-type", "f", "-size", "-2"]).file("a", "A").file("b/c", noise(5000)),
        of("sh").arguments(["sh", "script.sh", "one", "two words"]).file("script.sh", SHELL_SCRIPT),
        of("sh-stdin").arguments(["sh"]).stdin("x=3\nwhile [ $x -gt 0 ]; do echo $x; x=$((x-1)); done\nexit 7\n"),
        with_processes(of("sh-processes").arguments(["sh", "script"]), PROCESSES),
        of("sh-command").arguments(["sh", "-c", "cd /; pwd; echo $((6*7)) >&2; exit 3"]),
        of("sh-kill").arguments(["sh", "-c", "kill -9 $$"]).stderr(Stderr::Any),
        of("unknown-applet").arguments(["no-such-applet"]),
        of("false").arguments(["false"]),
        of("env").arguments(["env"]).variable("A", "b"),
        of("id").arguments(["id", "-u"]),
        of("sleep").arguments(["sleep", "0.2"]),
        of("dd").arguments(["dd", "if=/dev/zero", "of=z", "bs=4096", "count=100", "status=none"]).file("x", ""),
        of("missing-file").arguments(["cat", "absent"]),
    ]
}

/// A script that starts processes, and what it needs.
fn with_processes(case: Case, script: &str) -> Case {
    // Shells say on standard error which process ended, by its number.
    case.file("script", script).companion("busybox", Program::Recipe("busybox")).stderr(Stderr::Any)
}

fn shells() -> Vec<Case> {
    vec![
        of("bash", "script").arguments(["script", "one", "two words"]).file("script", BASH_SCRIPT),
        of("bash", "stdin").stdin("declare -A m=([a]=1 [b]=2)\necho ${!m[@]} ${m[b]}\nexit 5\n").arguments(["-s"]),
        of("bash", "command").arguments(["-c", "printf '%s\\n' \"${BASH_VERSINFO[0]}\" \"$0\"", "name"]),
        with_processes(of("bash", "processes").arguments(["script"]), PROCESSES),
        with_processes(of("bash", "more-processes").arguments(["script"]), BASH_PROCESSES),
        with_processes(of("zsh", "processes").arguments(["-f", "--emulate", "sh", "script"]), PROCESSES),
        of("sash", "builtins").arguments(["-c", "-echo one two"]),
        of("zsh", "command").arguments(["-f", "-c", "print -l ${(s:,:)${:-a,b,c}}; (( x = 6 * 7 )); print $x"]),
    ]
}

/// Go, Rust and Haskell: runtimes that start threads at once.
fn large_runtimes() -> Vec<Case> {
    let python = "import os, sys\ndef f( x ):\n  unused = 1\n  return x\n";
    let script = "#!/bin/sh\nfor f in $(ls *.txt); do\n  echo $f\ndone\n";
    vec![
        of("shfmt", "version"),
        of("shfmt", "stdin").arguments(["-i", "2"]).stdin("if true;then\necho   a|cat\nfi\n"),
        of("shfmt", "syntax-error").arguments(["-i", "2"]).stdin("if true; then\n"),
        of("esbuild", "bundle").arguments(["--bundle", "main.js"]),
        of("esbuild", "minify").arguments(["--minify", "--loader=ts"]).stdin("let x: number = 1 + 2; console.log(x)\n"),
        of("ruff", "version").arguments(["--version"]),
        of("ruff", "check")
            .arguments(["check", "--isolated", "--no-cache", "--output-format=concise", "."])
            .file("a.py", python)
            .file("p/b.py", "print('fine')\n")
            .file("p/c.py", "import json\n"),
        of("ruff", "format").arguments(["format", "--isolated", "--diff", "--no-cache", "a.py"]).file("a.py", python),
        of("biome", "version").arguments(["--version"]),
        of("uv", "version").arguments(["--version"]),
        of("shellcheck", "script").arguments(["--norc", "script.sh"]).file("script.sh", script),
        of("shellcheck", "stdin").arguments(["--norc", "-f", "gcc", "-"]).stdin(script),
        of("hadolint", "stdin").arguments(["--no-color", "-"]).stdin("FROM debian\nRUN cd /tmp && apt-get install x\n"),
    ]
}

fn databases() -> Vec<Case> {
    vec![
        of("sqlite", "memory").arguments([":memory:"]).stdin(SQL),
        of("sqlite", "file").arguments(["new.db"]).stdin(SQL).file("x", ""),
        of("lua", "version").arguments(["-v"]),
        of("lua", "script").arguments(["script.lua", "a", "b c"]).file("script.lua", LUA),
        of("lua", "error").arguments(["-e", "error('no')"]),
    ]
}
