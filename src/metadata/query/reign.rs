//! The reign that was begun last in this database.

use crate::{
    metadata::{Metadata, QueryError, columns::Columns, rows::LastReign, script::Script},
    types::Term,
};

const READ: &str = "
    SELECT (SELECT value FROM settings WHERE name = 'term'), (SELECT value FROM settings WHERE name = 'term_place')";

impl Metadata {
    pub async fn last_reign(&self) -> Result<LastReign, QueryError> {
        let row = Script::of(READ).fetch_one(&mut *self.reader().await?).await?;
        let place = row.optional_text(1)?.map(str::to_owned);
        Ok(LastReign { term: Term(row.optional_number(0)?.unwrap_or(0)), place })
    }
}
