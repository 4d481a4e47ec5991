//! What every layer takes from outside through an argument, so that tests can put something else there:
//! clock, randomness, shutdown, the metrics registry. And the log, which is the process's own, the request that a task works
//! for, the value that a step of a background task
//! returns, how a directory is made to last, and buffers that a disk takes as they are.

mod activity;
mod clock;
mod durable_directory;
mod log_line;
mod metrics;
mod piece_pool;
mod progress;
mod random;
mod request_scope;
mod shutdown;
mod step;
mod telemetry;

pub use activity::{Activity, rest_percent};
pub use clock::{Clock, ManualClock, SystemClock};
pub use durable_directory::make_durable_directory;
pub use log_line::TextLine;
pub use metrics::{Counters, Labels, Metrics, Sample, SampleKind, Timings};
pub use piece_pool::{PIECE_LENGTH_BYTES, PieceBuffer, PiecePool};
pub use progress::{Done, Progress};
pub use random::{Random, SeededRandom, SystemRandom};
pub use request_scope::{RequestScope, in_current_request};
pub use shutdown::Shutdown;
pub use step::Step;
pub use telemetry::{LogFormat, LogSettings, TelemetryError, check_level, start_log};
