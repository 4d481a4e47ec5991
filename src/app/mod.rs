//! The composition root: turns a configuration into a running process. Only here all layers meet.
//!
//! - `process`: log, limits, runtime, an end within a bound: the same for every process
//! - `directories`: what lies where below `--data`, and the lock that keeps a second process out
//! - `credentials`: the root credentials and the cluster secret: given, kept, or made
//! - `node`: a storage node as a process of its own
//! - `bind`, `limits`, `signals`: what a process asks of the operating system

mod answers;
mod backup;
mod bind;
mod closed_volume;
mod concerns;
mod credentials;
mod directories;
mod doctor;
mod embedded_nodes;
mod explain;
mod gateway;
mod gauges;
mod greeting;
mod group_report;
mod jobs;
mod last_copies;
mod lifecycle;
mod limits;
mod lost_metadata;
mod metadata_log;
mod node;
mod node_calls;
mod node_report;
mod offline_pause;
mod operations;
mod process;
mod readiness;
mod recover;
mod scrub_report;
mod signals;
mod totals;
mod usage;
mod verify;
mod volume_places;
mod what_if;

use crate::config::Configuration;
use process::Workers;
use std::process::ExitCode;

pub use closed_volume::{
    DamagedRecord, Successor, VolumeInspection, VolumeVerification, inspect_volume, verify_volume,
};
pub use credentials::{Origin as CredentialOrigin, RootCredentials};
pub use doctor::examine_offline;
pub use offline_pause::pause_offline;
pub use usage::UsageError;

/// Gateway and nodes in one process, until it is told to stop.
pub fn run_server(configuration: &Configuration) -> anyhow::Result<ExitCode> {
    let settings = configuration.settings()?;
    let own = settings.process.clone();
    process::run(&own, &configuration.warnings, Workers::OnEveryCore, |process| gateway::run_server(process, settings))
}

/// A gateway alone, until it is told to stop.
pub fn run_gateway(configuration: &Configuration) -> anyhow::Result<ExitCode> {
    let settings = configuration.settings()?;
    let own = settings.process.clone();
    process::run(&own, &configuration.warnings, Workers::OnEveryCore, |process| gateway::run_gateway(process, settings))
}

/// A node alone, until it is told to stop.
pub fn run_node(configuration: &Configuration) -> anyhow::Result<ExitCode> {
    let settings = configuration.settings()?;
    let own = settings.process.clone();
    process::run(&own, &configuration.warnings, Workers::OnHalfTheCores, |process| node::run(process, settings))
}
