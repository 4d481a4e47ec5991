//! What integration tests share: the real binary, run as a user would run it.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub mod command;
