//! The kernel alone, without the program around it: `start CONNECTION_FILE`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(file) = std::env::args_os().nth(1) else { return ExitCode::FAILURE };
    match kernel::start(file.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
