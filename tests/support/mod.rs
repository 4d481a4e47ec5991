//! What integration tests share: the real binary, run as a user would run it.

// Each test binary uses its own part of this.
#![allow(dead_code, unused_imports)]

pub mod address;
pub mod cluster;
pub mod command;
pub mod content;
pub mod damage;
pub mod process;
pub mod replay;
pub mod scrub;
pub mod sdk;
pub mod server;
pub mod short_intervals;

pub use server::{Options, Server};
