//! `larder admin doctor`: whether the metadata is sound.

use super::{Output, print_json};
use crate::{
    admin::{client::AdminClient, doctor::DoctorReport},
    app::examine_offline,
};
use clap::Args;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Check every invariant of the metadata; exit code 0 without findings, else 1
#[derive(Debug, Args)]
pub struct Doctor {
    /// Look into metadata that no gateway has open, instead of asking one: a gateway's data directory, a backup, or a copy
    /// of a database
    #[arg(long, value_name = "PATH")]
    offline: Option<PathBuf>,
}

impl Doctor {
    /// What is to be looked at without a gateway.
    pub fn offline(&self) -> Option<&Path> {
        self.offline.as_deref()
    }

    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        tell(&client.doctor().await?, output)
    }
}

pub async fn run_offline(path: &Path, output: Output) -> anyhow::Result<ExitCode> {
    tell(&examine_offline(path).await?, output)
}

fn tell(report: &DoctorReport, output: Output) -> anyhow::Result<ExitCode> {
    match output {
        Output::Json => print_json(report)?,
        Output::Table => print_report(report),
    }
    Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_report(report: &DoctorReport) {
    for finding in &report.findings {
        let object = finding.object.as_ref().map_or_else(String::new, |object| format!(" ({object})"));
        println!("{}: {}: {}{object}", finding.severity.to_uppercase(), finding.check, finding.what);
        println!("    remedy: {}\n", finding.remedy);
    }
    for check in &report.cut {
        println!("{check} found more than is shown");
    }
    for check in &report.left_out {
        println!("{check} was left out: only a running gateway can make this check");
    }
    let (checks, commit) = (report.checks, report.commit_sequence);
    match report.findings.len() {
        0 => println!("{checks} checks up to commit {commit}: nothing is wrong with the metadata"),
        count => println!("{checks} checks up to commit {commit}: {count} findings"),
    }
}
