//! The gateway's program: see `matpho_edge`.

use std::process::ExitCode;

fn main() -> ExitCode {
    matpho_edge::cli::main()
}
