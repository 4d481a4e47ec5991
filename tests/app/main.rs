//! The program from outside: its command line, its configuration, its processes.

#[path = "../support/mod.rs"]
mod support;

mod command_line;
mod configuration;
mod processes;
