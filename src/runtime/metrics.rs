//! The metrics registry. A layer registers its counters and histograms here once, at its start, and keeps the handles;
//! `GET /metrics` on the admin address renders them all in the OpenMetrics text format.
//!
//! Label values are `&'static str`, so the number of series is bounded by the source text: no request can make one.
//! What has a label from the data (a node's name) is sampled at the scrape, at most `SAMPLES_MAX` of each name.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, text},
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::{Family, MetricConstructor},
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::Registry,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Labels of one series: names and values from the source text.
pub type Labels = Vec<(&'static str, &'static str)>;

/// Counters that differ by labels.
pub type Counters = Family<Labels, Counter>;

/// Histograms of seconds that differ by labels.
pub type Timings = Family<Labels, Histogram, TimingBuckets>;

/// Bound of series of one sampled name: more nodes than that don't fit one gateway either.
const SAMPLES_MAX: usize = 1000;

/// Upper bounds in seconds: from a cached read (50 us) to the longest deadline of a request.
const TIMING_BUCKETS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// Makes the histograms of a `Timings`.
#[derive(Clone, Copy, Debug)]
pub struct TimingBuckets;

impl MetricConstructor<Histogram> for TimingBuckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(TIMING_BUCKETS)
    }
}

/// A value read at the scrape, with labels from the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

impl Sample {
    /// A sample without labels.
    pub fn plain(value: f64) -> Self {
        Self { labels: Vec::new(), value }
    }
}

/// What a sampled value does over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// The registry of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        Self { registry: Arc::new(Mutex::new(Registry::with_prefix("larder"))) }
    }

    /// A counter; its name is shown with `larder_` before and `_total` behind.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.register(name, help, Counter::default())
    }

    pub fn counters(&self, name: &str, help: &str) -> Counters {
        self.register(name, help, Counters::default())
    }

    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.register(name, help, Gauge::default())
    }

    /// Histograms of seconds.
    pub fn timings(&self, name: &str, help: &str) -> Timings {
        self.register(name, help, Timings::new_with_constructor(TimingBuckets))
    }

    /// Values that `read` gives at each scrape. It must not block: it runs on a thread that serves requests.
    pub fn sampled<F>(&self, kind: SampleKind, name: &'static str, help: &'static str, read: F)
    where
        F: Fn() -> Vec<Sample> + Send + Sync + 'static,
    {
        let collector = Sampled { kind, name, help, read: Box::new(read) };
        self.lock().register_collector(Box::new(collector));
    }

    /// All metrics as text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut rendered = String::new();
        text::encode(&mut rendered, &self.lock())?;
        Ok(rendered)
    }

    fn register<M>(&self, name: &str, help: &str, metric: M) -> M
    where
        M: prometheus_client::registry::Metric + Clone,
    {
        self.lock().register(name, help, metric.clone());
        metric
    }

    /// A panic in a sampled value's reader leaves the registry as it was, so a poisoned lock is still good.
    fn lock(&self) -> std::sync::MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Sampled {
    kind: SampleKind,
    name: &'static str,
    help: &'static str,
    read: Box<dyn Fn() -> Vec<Sample> + Send + Sync>,
}

impl fmt::Debug for Sampled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampled").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Collector for Sampled {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let metric_type = match self.kind {
            SampleKind::Counter => MetricType::Counter,
            SampleKind::Gauge => MetricType::Gauge,
        };
        let mut family = encoder.encode_descriptor(self.name, self.help, None, metric_type)?;
        for sample in (self.read)().into_iter().take(SAMPLES_MAX) {
            if sample.labels.is_empty() {
                // Without labels there is only one series, and no braces.
                return self.encode_value(sample.value, family);
            }
            self.encode_value(sample.value, family.encode_family(&sample.labels)?)?;
        }
        Ok(())
    }
}

impl Sampled {
    fn encode_value(&self, value: f64, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match self.kind {
            SampleKind::Counter => ConstCounter::new(value).encode(encoder),
            SampleKind::Gauge => ConstGauge::new(value).encode(encoder),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_registered_is_rendered_with_its_labels() {
        let metrics = Metrics::new();
        metrics.counter("starts", "Starts").inc();
        let requests = metrics.counters("requests", "Requests");
        requests.get_or_create(&vec![("operation", "PutObject")]).inc_by(2);
        metrics.timings("wait_seconds", "Waits").get_or_create(&vec![("stage", "commit")]).observe(0.003);
        metrics.sampled(SampleKind::Gauge, "node_free_bytes", "Free bytes", || {
            vec![Sample { labels: vec![("node", "node-1".into())], value: 7.0 }]
        });
        metrics.sampled(SampleKind::Counter, "commits", "Commits", || vec![Sample::plain(5.0)]);
        let text = metrics.render().unwrap();
        for line in [
            "larder_starts_total 1",
            "larder_requests_total{operation=\"PutObject\"} 2",
            "larder_wait_seconds_count{stage=\"commit\"} 1",
            "larder_node_free_bytes{node=\"node-1\"} 7.0",
            "larder_commits_total 5.0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
        }
    }

    #[test]
    fn a_sampled_name_has_a_bound() {
        let metrics = Metrics::new();
        metrics.sampled(SampleKind::Gauge, "nodes", "Nodes", || {
            (0..2 * SAMPLES_MAX).map(|n| Sample { labels: vec![("n", n.to_string())], value: 1.0 }).collect()
        });
        let series = metrics.render().unwrap().lines().filter(|line| line.starts_with("larder_nodes{")).count();
        assert_eq!(series, SAMPLES_MAX);
    }
}
