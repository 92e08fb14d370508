//! The `oxherd` binary.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    oxherd::cli::run().await
}
