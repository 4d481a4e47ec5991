//! The binary `larder`: everything is in the library, so that tests and examples reach it.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// glibc's allocator keeps what a burst of connections or uploads needed; this one gives it back within seconds
/// (docs/performance.md, "Memory").
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    larder::cli::main()
}
