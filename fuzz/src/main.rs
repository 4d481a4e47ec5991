//! One of `larder::s3::fuzzing::TARGETS` under libFuzzer: `LARDER_FUZZ_TARGET=NAME larder-fuzz [libFuzzer's flags]`. Built by
//! `run.sh`, which has the compiler count which branches an input takes.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
use larder::s3::fuzzing::{TARGETS, Target};
#[cfg(fuzzing)]
use std::sync::LazyLock;

#[cfg(fuzzing)]
static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("LARDER_FUZZ_TARGET").unwrap_or_default();
    let Some((_, target)) = TARGETS.into_iter().find(|(name, _)| *name == wanted) else {
        let names = TARGETS.map(|(name, _)| name).join(", ");
        eprintln!("LARDER_FUZZ_TARGET is `{wanted}`: set it to one of {names}");
        std::process::exit(2);
    };
    target
});

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("built without coverage: use fuzz/run.sh");
    std::process::exit(2);
}
