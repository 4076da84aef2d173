//! Each recipe of this folder, fetched for real and run on this host. They need the registries' clients and a network,
//! so they are run by asking: `cargo test -p birgus-images -- --ignored`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use birgus_images::{Cache, Prepared, Recipe, prepare_in};

fn recipe(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Runs a prepared program on this host as a guest would: in its root, with the recipe's environment alone.
fn run(prepared: &Prepared, arguments: &[&str]) -> Output {
    let mut command = Command::new(&prepared.program);
    command.env_clear().envs(prepared.environment.iter().cloned()).stdin(Stdio::null());
    if let Some(root) = &prepared.root {
        command.current_dir(root);
    }
    if arguments.is_empty() {
        command.args(&prepared.arguments);
    } else {
        command.args(arguments);
    }
    command.output().unwrap()
}

/// Fetches the recipe `name` into a new cache, and checks that it is kept, that the program asks for no other file
/// to load it, and that with its default arguments it succeeds and prints `word`. Then, with `arguments`, that it
/// prints exactly `answer`. No `word`: it is a server, which is not run by default, and what it prints begins with
/// `answer`.
fn check(name: &str, word: &str, arguments: &[&str], answer: &str) {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("images"));
    let mut notes = Vec::new();
    let prepared = prepare_in(&cache, &recipe(name), &mut |line| {
        notes.push(line.to_owned());
    });
    let prepared = prepared.unwrap_or_else(|error| panic!("{error}\n{notes:#?}"));
    assert!(!notes.is_empty() && notes.iter().all(|line| line.starts_with(name)), "{notes:?}");
    assert_eq!(prepared.name, name);
    assert!(prepared.memory.is_some());

    let again = prepare_in(&cache, &recipe(name), &mut |line| panic!("fetched again: {line}"));
    assert_eq!(again.unwrap(), prepared);

    let headers = Command::new("readelf").args(["-lW"]).arg(&prepared.program).output().unwrap();
    let headers = String::from_utf8(headers.stdout).unwrap();
    assert!(headers.contains("LOAD") && !headers.contains("INTERP"), "{name} is not static:\n{headers}");

    if word.is_empty() {
        let said = run(&prepared, arguments);
        assert!(String::from_utf8_lossy(&said.stdout).starts_with(answer), "{name} {arguments:?}: {said:?}");
        return;
    }
    let said = run(&prepared, &[]);
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && text.contains(word), "{name} by default: {said:?}");
    if !arguments.is_empty() {
        let said = run(&prepared, arguments);
        assert_eq!(String::from_utf8_lossy(&said.stdout), answer, "{name} {arguments:?}: {said:?}");
    }
}

/// A test for each recipe: its name, a word of what it prints by default, other arguments, what they print.
macro_rules! recipes {
    ($($test:ident, $name:literal, $word:literal, $arguments:expr, $answer:literal;)*) => {
        /// The recipes that have a test.
        const TESTED: &[&str] = &[$($name),*];
        $(
            #[test]
            #[ignore = "fetches from a package registry"]
            fn $test() {
                check($name, $word, &$arguments, $answer);
            }
        )*
    };
}

recipes! {
    hello, "hello", "Hello from ", [], "";
    hello_pie, "hello-pie", "Hello from ", [], "";
    hello_musl, "hello-musl", "Hello from ", [], "";
    busybox, "busybox", "Currently defined functions", ["expr", "6", "*", "7"], "42\n";
    bash, "bash", "Hello from bash 5", ["-c", "echo $((6 * 7))"], "42\n";
    zsh, "zsh", "Hello from zsh 5", ["-c", "print $((6 * 7))"], "42\n";
    sash, "sash", "-printenv", ["-c", "-echo 42"], "42\n";
    shfmt, "shfmt", "v3.14.1", [], "";
    esbuild, "esbuild", "Hello from ${name}", ["--version"], "0.28.2\n";
    biome, "biome", "2.6.8", [], "";
    ruff, "ruff", "F541", ["--version"], "ruff 0.17.6\n";
    uv, "uv", "uv 0.13.9", [], "";
    shellcheck, "shellcheck", "version: 0.11.0", [], "";
    hadolint, "hadolint", "2.15.1", [], "";
    lua, "lua", "Lua 5.4", ["-e", "print(6 * 7)"], "42\n";
    caddy, "caddy", "", ["version"], "v2.11.7 ";
    redis, "redis", "", ["--version"], "Redis server v=7.0.15 ";
    nginx, "nginx", "", ["-v"], "";
    sqlite, "sqlite", "Hello from SQLite 3", [":memory:", "select 6 * 7"], "42\n";
}

#[test]
fn every_recipe_is_right_and_has_a_test() {
    let folders = std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let mut names = Vec::new();
    for folder in folders.map(|folder| folder.unwrap().path()).filter(|folder| folder.join("image.toml").exists()) {
        let recipe = Recipe::load(&folder).unwrap();
        assert!(!recipe.description.is_empty() && recipe.memory.is_some(), "{}", recipe.name);
        names.push(recipe.name);
    }
    names.sort();
    let mut tested = TESTED.to_vec();
    tested.sort_unstable();
    assert_eq!(names, tested);
}

#[test]
#[ignore = "fetches from a package registry"]
fn a_version_that_left_the_archive_is_replaced_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old");
    std::fs::create_dir(&old).unwrap();
    let text = std::fs::read_to_string(recipe("busybox").join("image.toml")).unwrap();
    let (start, rest) = text.split_once("version = ").unwrap();
    let (_, end) = rest.split_once('\n').unwrap();
    std::fs::write(old.join("image.toml"), format!("{start}version = '1:1.0-1'\n{end}")).unwrap();
    let mut notes = Vec::new();
    let cache = Cache::at(folder.path().join("images"));
    let prepared = prepare_in(&cache, &old, &mut |line| notes.push(line.to_owned())).unwrap();
    assert!(run(&prepared, &["true"]).status.success());
    let said = "old: note: the archive has no busybox-static 1:1.0-1 (any more); taking ";
    assert!(notes.iter().any(|line| line.starts_with(said)), "{notes:?}");
}

#[test]
#[ignore = "asks a package registry"]
fn a_failed_fetch_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("wrong");
    std::fs::create_dir(&wrong).unwrap();
    let text = std::fs::read_to_string(recipe("esbuild").join("image.toml")).unwrap();
    let text = text.replace("root = \"root\"\n", "").replace("path = \"bin/", "path = \"no/");
    std::fs::write(wrong.join("image.toml"), text).unwrap();
    let images = folder.path().join("images");
    let error = prepare_in(&Cache::at(images.clone()), &wrong, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("no/esbuild") && error.contains("\n    bin/esbuild"), "{error}");
    assert_eq!(std::fs::read_dir(images).unwrap().count(), 0);
}
