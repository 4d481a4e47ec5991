//! `larder admin jobs pause NAME --offline DATA`: a background task that deletes rests from the start of the gateway on. For metadata in
//! which the doctor found too low counts: a gateway that runs releases by them at once.

use super::{directories::DataDirectory, jobs};
use crate::{
    config::Settings,
    metadata::Metadata,
    runtime::{SystemClock, SystemRandom},
};
use anyhow::{Context, bail};
use std::{path::Path, sync::Arc};

/// Those that delete by counts; others wait for a running gateway.
const DELETING: [&str; 2] = ["release-contents", "delete-blobs"];

/// In a gateway's data directory that no process uses. Resolves when it is durable.
pub async fn pause_offline(directory: &Path, settings: &Settings, name: &str) -> anyhow::Result<()> {
    if !DELETING.contains(&name) {
        bail!("{name} can't be paused offline: only {} can", DELETING.join(" and "));
    }
    if !directory.is_dir() {
        bail!("there is no directory {}", directory.display());
    }
    let data = DataDirectory::claim(directory)?;
    if !Metadata::is_in(&data.metadata()) {
        bail!("there is no metadata in {}", directory.display());
    }
    let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let opened = Metadata::open(&data.metadata(), &settings.metadata, clock, random).await;
    let metadata = opened.context("cannot open the metadata")?;
    let kept = metadata.propose(jobs::keep_paused(name)).await;
    metadata.close().await;
    kept.context("cannot keep the pause")?;
    Ok(())
}
