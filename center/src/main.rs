//! `matpho-center`: see `matpho_center::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    matpho_center::cli::main()
}
