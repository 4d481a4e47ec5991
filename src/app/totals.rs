//! Totals of the metadata, counted seldom: counting reads every blob's row, and neither a person nor a graph sees the
//! difference of some seconds.

use crate::{
    metadata::{Metadata, QueryError, rows::Totals},
    runtime::Clock,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How old what a person is shown may be.
pub const FOR_PEOPLE: Duration = Duration::from_secs(2);

/// How old what a graph is drawn from may be.
pub const FOR_METRICS: Duration = Duration::from_secs(60);

/// The totals last counted, and when by the monotonic clock.
pub struct CountedTotals {
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    counted: Mutex<Option<(Duration, Totals)>>,
}

impl CountedTotals {
    pub fn new(metadata: Metadata, clock: Arc<dyn Clock>) -> Self {
        Self { metadata, clock, counted: Mutex::new(None) }
    }

    /// What was counted last, if anything was.
    pub fn last(&self) -> Option<Totals> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).map(|(_, totals)| totals)
    }

    /// Counts again when what is known is older than `age_max`.
    pub async fn get(&self, age_max: Duration) -> Result<Totals, QueryError> {
        let now = self.clock.monotonic();
        let kept = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((counted_at, totals)) = kept
            && now.saturating_sub(counted_at) < age_max
        {
            return Ok(totals);
        }
        let totals = self.metadata.totals().await?;
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, totals));
        Ok(totals)
    }
}
