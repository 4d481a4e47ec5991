//! What jobs have kept (`Command::SaveJobState`).

use crate::metadata::{Metadata, QueryError, columns::Columns, script::Script};

const READ: &str = "SELECT state FROM job_states WHERE name = $1";
const LIST: &str = "SELECT name, state FROM job_states WHERE name >= $1 AND name < $2 ORDER BY name LIMIT $3 + 0";

/// Far more jobs than there are kinds of them.
const LIST_MAX: i64 = 1000;

impl Metadata {
    pub async fn job_state(&self, name: &str) -> Result<Option<String>, QueryError> {
        let row = Script::of(READ).with(name).fetch_optional(&mut *self.reader().await?).await?;
        row.map(|row| row.string(0)).transpose()
    }

    /// Names and states of the jobs whose name begins with `prefix`, such as `pause/`, in order of their names.
    pub async fn job_states(&self, prefix: &str) -> Result<Vec<(String, String)>, QueryError> {
        // No name has a character behind this one.
        let end = format!("{prefix}{}", char::MAX);
        let script = Script::of(LIST).with(prefix).with(end).with(LIST_MAX);
        let rows = script.fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(|row| Ok((row.string(0)?, row.string(1)?))).collect()
    }
}
