//! `larder admin what-if`: what the loss of nodes would cost, before it happens.

use super::{Output, print_json};
use crate::{
    admin::{
        client::AdminClient,
        what_if::{NAMES_MAX, ObjectAtRisk, Toll, WhatIfReport, WhatIfRequest, WriteOutlook},
    },
    cli::table::{print, table},
    types::ByteSize,
};
use clap::Args;
use std::process::ExitCode;

/// Show which objects would be unavailable, or down to one copy, if some nodes went now
#[derive(Debug, Args)]
pub struct WhatIf {
    /// Names of nodes, with commas between
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required_unless_present = "zone")]
    down: Vec<String>,

    /// A zone: all of its nodes; may be given several times
    #[arg(long, value_name = "ZONE")]
    zone: Vec<String>,

    /// How many objects of each kind are named
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=i64::from(NAMES_MAX)))]
    list: u32,
}

impl WhatIf {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        let request = WhatIfRequest { down: self.down, zones: self.zone, list: self.list };
        let report = client.what_if(&request).await?;
        match output {
            Output::Json => print_json(&report)?,
            Output::Table => print_report(&report),
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_report(report: &WhatIfReport) {
    println!("if {} went now:\n", report.down.join(", "));
    let mut rows = table(["", "OBJECTS", "BYTES", "BLOBS"]);
    for (what, toll) in [
        ("unavailable now", report.now.unavailable),
        ("unavailable then", report.then.unavailable),
        ("one copy now", report.now.one_copy),
        ("one copy then", report.then.one_copy),
    ] {
        let Toll { objects, object_bytes, blobs, .. } = toll;
        let bytes = ByteSize(object_bytes).to_human();
        rows.add_row([what.to_owned(), objects.to_string(), bytes, blobs.to_string()]);
    }
    print(&rows);
    print_objects("unavailable then", &report.unavailable, report.then.unavailable.objects);
    print_objects("one copy then", &report.one_copy, report.then.one_copy.objects);
    println!("\n{}", of_writes(&report.writes));
    for node in &report.away {
        println!("{} is {}: its copies are not counted", node.name, node.standing);
    }
    for name in &report.in_doubt {
        println!("what {name} holds is being looked at: it may be less than is counted here");
    }
    if report.unasked_blobs > 0 {
        let blobs = report.unasked_blobs;
        println!(
            "{blobs} blobs may have a copy more, on nodes that leave their groups or arrive in them: there were too many to ask \
             for, or these nodes did not answer"
        );
    }
}

fn print_objects(what: &str, objects: &[ObjectAtRisk], all: u64) {
    if objects.is_empty() {
        return;
    }
    println!("\n{what}:");
    for object in objects {
        let version = object.version.as_ref().map_or_else(String::new, |version| format!(" version {version}"));
        println!("  s3://{}/{}{version} ({})", object.bucket, object.key, ByteSize(object.size).to_human());
    }
    let more = all.saturating_sub(objects.len() as u64);
    if more > 0 {
        println!("  and {more} more: see --list");
    }
}

fn of_writes(writes: &WriteOutlook) -> String {
    let (some, all) = (writes.writable_groups, writes.groups);
    let now = match writes.go_on {
        true => format!("writes would go on: {some} of {all} groups would have enough members"),
        false => format!("nothing could be written: none of {all} groups would have enough members"),
    };
    match &writes.not_replaced_because {
        None => format!("{now}; others could take the lost nodes' places"),
        Some(reason) => format!("{now}; nobody would take the lost nodes' places: {reason}"),
    }
}
