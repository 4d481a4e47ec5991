//! Queries about access keys.

use crate::metadata::{Metadata, QueryError, columns::Columns, rows::AccessKey, script::Script};
use sqlx::sqlite::SqliteRow;

const READ: &str = "SELECT access_key, sealed_secret, name, is_enabled, created FROM access_keys WHERE access_key = $1";
const LIST: &str = "SELECT access_key, sealed_secret, name, is_enabled, created FROM access_keys ORDER BY access_key";

impl Metadata {
    pub async fn access_key(&self, access_key: &str) -> Result<Option<AccessKey>, QueryError> {
        let row = Script::of(READ).with(access_key).fetch_optional(&mut *self.reader().await?).await?;
        row.map(|row| from_row(&row)).transpose()
    }

    /// All of them: operators make them one by one.
    pub async fn access_keys(&self) -> Result<Vec<AccessKey>, QueryError> {
        let rows = Script::of(LIST).fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(from_row).collect()
    }
}

fn from_row(row: &SqliteRow) -> Result<AccessKey, QueryError> {
    Ok(AccessKey {
        access_key: row.string(0)?,
        sealed_secret: row.bytes(1)?.to_vec(),
        name: row.string(2)?,
        enabled: row.flag(3)?,
        created: row.time(4)?,
    })
}
