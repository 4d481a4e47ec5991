//! SQL on its way to a connection. The engine runs on a thread of its own, so each trip there and back wakes two threads:
//! a `Script` takes several statements along in one trip. Statements are consts with `$1` placeholders, each numbered
//! from 1; a script renumbers them as it appends. Its text is the key of the connection's statement cache.
//!
//! A bound `LIMIT` is written `LIMIT $3 + 0`: the planner looks into a bare placeholder there, and then plans the statement
//! anew whenever it is bound, which costs ten times the query.

use super::error::QueryError;
use futures_util::TryStreamExt;
use sqlx::{
    Arguments, AssertSqlSafe, Either, Executor, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

#[derive(Default)]
pub(super) struct Script {
    text: String,
    arguments: Vec<Argument>,
}

/// A value that stands for a placeholder.
pub(super) enum Argument {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl From<i64> for Argument {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Argument {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&[u8]> for Argument {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Vec<u8>> for Argument {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&Vec<u8>> for Argument {
    fn from(bytes: &Vec<u8>) -> Self {
        Self::Bytes(bytes.clone())
    }
}

impl<T: Into<Argument>> From<Option<T>> for Argument {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
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
        self.append_text(statement);
        self
    }

    pub fn bind(&mut self, value: impl Into<Argument>) -> &mut Self {
        self.arguments.push(value.into());
        self
    }

    /// `bind`, for scripts that are built in one expression.
    pub fn with(mut self, value: impl Into<Argument>) -> Self {
        self.bind(value);
        self
    }

    /// Appends all of another script.
    pub fn append(&mut self, other: Self) -> &mut Self {
        if self.is_empty() {
            *self = other;
        } else if !other.is_empty() {
            self.append_text(&other.text);
            self.arguments.extend(other.arguments);
        }
        self
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first row. Cancelled: a statement that only reads is abandoned.
    pub async fn fetch_optional(self, connection: &mut SqliteConnection) -> Result<Option<SqliteRow>, QueryError> {
        Ok(self.into_query().fetch_optional(connection).await?)
    }

    /// The one row that a statement without `WHERE` always gives.
    pub async fn fetch_one(self, connection: &mut SqliteConnection) -> Result<SqliteRow, QueryError> {
        Ok(self.into_query().fetch_one(connection).await?)
    }

    pub async fn fetch_all(self, connection: &mut SqliteConnection) -> Result<Vec<SqliteRow>, QueryError> {
        Ok(self.into_query().fetch_all(connection).await?)
    }

    /// Rows changed by the last statement. (What the engine says of a `SAVEPOINT` in front is another statement's.)
    pub async fn execute(self, connection: &mut SqliteConnection) -> Result<u64, QueryError> {
        let mut results = connection.fetch_many(self.into_query());
        let mut changed = 0;
        while let Some(result) = results.try_next().await? {
            if let Either::Left(done) = result {
                changed = done.rows_affected();
            }
        }
        Ok(changed)
    }

    fn append_text(&mut self, statement: &str) {
        if !self.text.is_empty() {
            self.text.push(';');
        }
        append_renumbered(&mut self.text, statement, self.arguments.len());
    }

    fn into_query(self) -> Query<'static, Sqlite, SqliteArguments> {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(self.arguments.len(), 0);
        for argument in self.arguments {
            let added = match argument {
                Argument::Null => arguments.add(None::<i64>),
                Argument::Number(number) => arguments.add(number),
                Argument::Text(text) => arguments.add(text),
                Argument::Bytes(bytes) => arguments.add(bytes),
            };
            added.expect("integers, text and bytes always encode");
        }
        sqlx::query_with(AssertSqlSafe(self.text), arguments)
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
        script.bind(1_i64).bind(2_i64).add("UPDATE b SET x = $1 WHERE y = $2 OR y = $1 + 1").bind(3_i64).bind(4_i64);
        assert_eq!(script.text, "INSERT INTO a VALUES ($1, $2);UPDATE b SET x = $3 WHERE y = $4 OR y = $3 + 1");
        let mut twice = Script::of("BEGIN");
        twice.append(Script::of("SELECT $1").with(5_i64)).append(script);
        let numbers: Vec<_> = twice.arguments.iter().map(|argument| matches!(argument, Argument::Number(_))).collect();
        assert_eq!(numbers, [true; 5]);
        assert_eq!(
            twice.text,
            "BEGIN;SELECT $1;INSERT INTO a VALUES ($2, $3);UPDATE b SET x = $4 WHERE y = $5 OR y = $4 + 1"
        );
    }
}
