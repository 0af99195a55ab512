//! The SendStores control plane.

use std::process::ExitCode;

fn main() -> ExitCode {
    sendstores_server::app::main()
}
