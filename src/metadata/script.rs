//! SQL on its way to a connection. The engine runs on a thread of its own, so each trip there and back wakes two threads:
//! a `Script` takes several statements along in one trip. Statements are consts with `$1` placeholders, each numbered
//! from 1; a script renumbers them as it appends. Its text is the key of the connection's statement cache.
//!
//! A bound `LIMIT` is written `LIMIT $3 + 0`: the planner looks into a bare placeholder there, and then plans the statement
//! anew whenever it is bound, which costs ten times the query.

use super::error::QueryError;
use futures_util::TryStreamExt;
use sqlx::{
    Arguments, AssertSqlSafe, Either, Encode, Executor, Sqlite, SqliteConnection, Type,
    sqlite::{SqliteArguments, SqliteRow},
};

#[derive(Default)]
pub(super) struct Script {
    text: String,
    arguments: SqliteArguments,
}

impl Script {
    pub fn of(statement: &'static str) -> Self {
        let mut script = Self { text: String::with_capacity(statement.len() + 64), ..Self::default() };
        script.add(statement);
        script
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Appends a statement; what is bound next belongs to it.
    pub fn add(&mut self, statement: &'static str) -> &mut Self {
        #[cfg(test)]
        seen::note(statement);
        if !self.text.is_empty() {
            self.text.push(';');
        }
        append_renumbered(&mut self.text, statement, self.arguments.len());
        self
    }

    pub fn bind<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> &mut Self {
        self.arguments.add(value).expect("integers, text and bytes always encode");
        self
    }

    /// `bind`, for scripts that are built in one expression.
    pub fn with<'t, T: Encode<'t, Sqlite> + Type<Sqlite>>(mut self, value: T) -> Self {
        self.bind(value);
        self
    }

    /// Puts statements without placeholders in front.
    pub fn after(mut self, statements: &str) -> Self {
        if !statements.is_empty() {
            self.text.insert_str(0, statements);
        }
        self
    }

    /// The first row. Cancelled: a statement that only reads is abandoned.
    pub async fn fetch_optional(self, connection: &mut SqliteConnection) -> Result<Option<SqliteRow>, QueryError> {
        Ok(sqlx::query_with(AssertSqlSafe(self.text), self.arguments).fetch_optional(connection).await?)
    }

    /// The one row that a statement without `WHERE` always gives.
    pub async fn fetch_one(self, connection: &mut SqliteConnection) -> Result<SqliteRow, QueryError> {
        Ok(sqlx::query_with(AssertSqlSafe(self.text), self.arguments).fetch_one(connection).await?)
    }

    pub async fn fetch_all(self, connection: &mut SqliteConnection) -> Result<Vec<SqliteRow>, QueryError> {
        Ok(sqlx::query_with(AssertSqlSafe(self.text), self.arguments).fetch_all(connection).await?)
    }

    /// Rows changed by the last statement. (What the engine says of a `SAVEPOINT` in front is another statement's.)
    pub async fn execute(self, connection: &mut SqliteConnection) -> Result<u64, QueryError> {
        let mut results = connection.fetch_many(sqlx::query_with(AssertSqlSafe(self.text), self.arguments));
        let mut changed = 0;
        while let Some(result) = results.try_next().await? {
            if let Either::Left(done) = result {
                changed = done.rows_affected();
            }
        }
        Ok(changed)
    }
}

/// `$3` with 4 arguments before becomes `$7`. No statement of ours has a `$` that is no placeholder.
fn append_renumbered(text: &mut String, statement: &str, arguments_before: usize) {
    if arguments_before == 0 {
        text.push_str(statement);
        return;
    }
    let mut pieces = statement.split('$');
    text.push_str(pieces.next().unwrap_or(""));
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let number: usize = piece[..digits].parse().expect("a placeholder is $ and a number");
        text.push('$');
        text.push_str(&(number + arguments_before).to_string());
        text.push_str(&piece[digits..]);
    }
}

/// Statements that this thread ran, for the test that looks at all their plans.
#[cfg(test)]
pub(super) mod seen {
    use std::{cell::RefCell, collections::BTreeSet};

    thread_local! {
        static STATEMENTS: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub fn note(statement: &'static str) {
        STATEMENTS.with_borrow_mut(|statements| statements.insert(statement));
    }

    pub fn statements() -> Vec<&'static str> {
        STATEMENTS.with_borrow(|statements| statements.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_renumbered_as_statements_are_appended() {
        let mut script = Script::of("INSERT INTO a VALUES ($1, $2)");
        script.bind(1).bind(2).add("UPDATE b SET x = $1 WHERE y = $2 OR y = $1 + 1").bind(3).bind(4);
        assert_eq!(script.text, "INSERT INTO a VALUES ($1, $2);UPDATE b SET x = $3 WHERE y = $4 OR y = $3 + 1");
        assert_eq!(script.after("BEGIN;").text.split(';').count(), 3);
    }
}
