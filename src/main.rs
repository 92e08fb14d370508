//! The `oxherd` binary.

use std::process::ExitCode;

/// A third less processor time than with the allocator of the C library (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    oxherd::cli::run().await
}
