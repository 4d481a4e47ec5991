//! What every layer takes from outside through an argument, so that tests can put something else there:
//! clock, randomness, shutdown.

mod clock;
mod random;
mod shutdown;

pub use clock::{Clock, ManualClock, SystemClock};
pub use random::{Random, SeededRandom, SystemRandom};
pub use shutdown::Shutdown;
