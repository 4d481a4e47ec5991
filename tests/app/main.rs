//! The program from outside: its command line, its configuration, its processes.

#[path = "../support/mod.rs"]
mod support;

mod client_interrupts;
mod client_verbs;
mod cluster_of_processes;
mod command_line;
mod configuration;
mod doctor;
mod explain;
mod healing;
mod lifecycle;
mod losses;
mod old_image;
mod processes;
mod recovering;
mod rolled_over;
mod scrub;
mod strangers;
mod take_over;
mod verify;
mod volumes;
mod what_if;
