//! Makes a recipe ready and says what came of it: `cargo run -p birgus-images --example prepare images/hello`.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(recipe) = std::env::args_os().nth(1) else {
        eprintln!("usage: prepare RECIPE-FOLDER");
        return ExitCode::from(2);
    };
    match birgus_images::prepare(Path::new(&recipe), &mut |line| eprintln!("{line}")) {
        Ok(prepared) => {
            println!("{prepared:#?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("prepare: {error}");
            ExitCode::FAILURE
        }
    }
}
