//! The results, as a table for people or one JSON document for programs.

use super::{options::Case, run::Measured};
use crate::{cli::table, types::ByteSize};
use serde::Serialize;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Table,
    Json,
}

/// One case. Names of fields are part of the command line's contract: programs read them.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    operation: &'static str,
    size_bytes: u64,
    concurrency: u32,
    seconds: f64,
    operations: u64,
    pub errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error: Option<String>,
    operations_per_second: f64,
    mib_per_second: f64,
    latency_us: Latency,
    client_cpu_seconds: f64,
    client_cpu_us_per_operation: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<Server>,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: u64,
    p90: u64,
    p99: u64,
    max: u64,
}

#[derive(Debug, Serialize)]
struct Server {
    cpu_seconds: f64,
    cpu_us_per_operation: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_us_per_mib: Option<f64>,
    peak_memory_bytes: u64,
}

impl CaseReport {
    pub fn new(case: Case, measured: Measured) -> Self {
        let tally = measured.tally;
        let operations = tally.latencies.count();
        let seconds = measured.elapsed.as_secs_f64();
        let mib = tally.bytes as f64 / (1 << 20) as f64;
        let micros = |value: Duration| u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        Self {
            operation: case.operation.name(),
            size_bytes: case.size.bytes(),
            concurrency: case.concurrency,
            seconds,
            operations,
            errors: tally.errors,
            first_error: tally.first_error.map(|wrong| wrong.to_string()),
            operations_per_second: per(operations as f64, seconds),
            mib_per_second: per(mib, seconds),
            latency_us: Latency {
                p50: micros(tally.latencies.percentile(50.0)),
                p90: micros(tally.latencies.percentile(90.0)),
                p99: micros(tally.latencies.percentile(99.0)),
                max: micros(tally.latencies.max()),
            },
            client_cpu_seconds: measured.client_cpu.as_secs_f64(),
            client_cpu_us_per_operation: per(measured.client_cpu.as_secs_f64() * 1e6, operations as f64),
            server: measured.server.map(|server| Server {
                cpu_seconds: server.cpu.as_secs_f64(),
                cpu_us_per_operation: per(server.cpu.as_secs_f64() * 1e6, operations as f64),
                cpu_us_per_mib: (tally.bytes > 0).then(|| per(server.cpu.as_secs_f64() * 1e6, mib)),
                peak_memory_bytes: server.peak_memory_bytes,
            }),
        }
    }

    fn cells(&self) -> Vec<String> {
        let millis = |micros: u64| format!("{:.2}", micros as f64 / 1000.0);
        let mut cells = vec![
            self.operation.to_owned(),
            ByteSize(self.size_bytes).to_string(),
            self.concurrency.to_string(),
            self.operations.to_string(),
            self.errors.to_string(),
            format!("{:.0}", self.operations_per_second),
            format!("{:.1}", self.mib_per_second),
            millis(self.latency_us.p50),
            millis(self.latency_us.p90),
            millis(self.latency_us.p99),
            millis(self.latency_us.max),
            format!("{:.0}", self.client_cpu_us_per_operation),
        ];
        cells.extend(match &self.server {
            Some(server) => [
                format!("{:.0}", server.cpu_us_per_operation),
                server.cpu_us_per_mib.map_or_else(|| "-".to_owned(), |micros| format!("{micros:.0}")),
                ByteSize(server.peak_memory_bytes).to_human(),
            ],
            None => ["-", "-", "-"].map(str::to_owned),
        });
        cells
    }
}

/// 0 instead of infinity, which JSON cannot say.
fn per(amount: f64, unit: f64) -> f64 {
    if unit > 0.0 { amount / unit } else { 0.0 }
}

pub fn print(reports: &[CaseReport], format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(reports)?),
        Format::Table => print_table(reports),
    }
    Ok(())
}

fn print_table(reports: &[CaseReport]) {
    let mut rows = table::table([
        "OPERATION",
        "SIZE",
        "CONCURRENCY",
        "OPERATIONS",
        "ERRORS",
        "OPS/S",
        "MIB/S",
        "P50 MS",
        "P90 MS",
        "P99 MS",
        "MAX MS",
        "CLIENT US/OP",
        "SERVER US/OP",
        "SERVER US/MIB",
        "SERVER PEAK",
    ]);
    for report in reports {
        rows.add_row(report.cells());
    }
    table::print(&rows);
    for report in reports.iter().filter(|report| report.errors > 0) {
        let first = report.first_error.as_deref().unwrap_or("unknown");
        println!(
            "{} of {}: {} errors; the first: {first}",
            report.operation,
            ByteSize(report.size_bytes),
            report.errors
        );
    }
}
