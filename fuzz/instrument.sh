#!/usr/bin/env bash
# Cargo's wrapper around the compiler for our own crates (RUSTC_WORKSPACE_WRAPPER): with what libFuzzer needs to see which
# branches an input takes. Dependencies are left as they are, so that they are not built again.
exec "$@" --cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares
