//! The `drystone` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().next().is_some_and(|name| name == drystone::sandbox::SUPERVISOR_NAME) {
        drystone::sandbox::supervise();
    }
    drystone::cli::main()
}
