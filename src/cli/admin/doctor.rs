//! `larder admin doctor`: whether the metadata is sound.

use super::{Output, print_json};
use crate::admin::{client::AdminClient, doctor::DoctorReport};
use clap::Args;
use std::process::ExitCode;

/// Check every invariant of the metadata; exit code 0 without findings, else 1
#[derive(Debug, Args)]
pub struct Doctor {}

impl Doctor {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        let report = client.doctor().await?;
        match output {
            Output::Json => print_json(&report)?,
            Output::Table => print_report(&report),
        }
        Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
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
    let (checks, commit) = (report.checks, report.commit_sequence);
    match report.findings.len() {
        0 => println!("{checks} checks up to commit {commit}: nothing is wrong with the metadata"),
        count => println!("{checks} checks up to commit {commit}: {count} findings"),
    }
}
