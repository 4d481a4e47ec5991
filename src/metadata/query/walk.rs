//! Walking a list in byte order of its keys, rolling up what lies under a common prefix.
//!
//! Two kinds of statements take turns. A plain run reads rows in order; when it meets a key with the delimiter, a hop
//! goes on: one recursive statement that seeks from each common prefix to the first key behind it, until it meets a key
//! without the delimiter. So a page costs what it returns, not what it skips, and its statements follow the number of
//! changes between plain keys and common prefixes. Plain runs begin short after each hop and double, so that rows
//! which a hop makes useless stay in proportion to those that were of use.

use crate::{
    metadata::{
        QueryError,
        columns::Columns,
        rows::{ListEntry, ListMarker, ListPage},
        script::Script,
    },
    types::{BucketId, ObjectKey},
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteRow};

/// Rows of the first plain run of a list with a delimiter.
const FIRST_RUN: usize = 32;

/// A kind of list: where its entries come from and what they become.
pub(super) trait List {
    type Item;

    /// Entries in order with key >= `$2` and < `$3`, at most `$4`; `$1` is the bucket. A row each, or all in one row:
    /// `found` knows.
    const RUN: &'static str;
    /// As `RUN`, but only entries of key `$2` behind the one `$5`; `None` where a key has one entry.
    const REST_OF_KEY: Option<&'static str>;
    /// `hop!` over the same entries.
    const HOP: &'static str;

    /// What the rows of `RUN` or `REST_OF_KEY` say, in their order.
    fn found(&self, rows: &[SqliteRow]) -> Result<Vec<Found<Self::Item>>, QueryError>;

    fn key(item: &Self::Item) -> &ObjectKey;
}

/// An entry, and what `$5` of `REST_OF_KEY` compares with.
pub(super) struct Found<T> {
    pub item: T,
    pub place: PlaceInKey,
}

/// An entry among those of its key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PlaceInKey {
    /// The only one.
    Only,
    Sequence(u64),
    Id([u8; 16]),
}

/// The first key behind each common prefix, beginning with the first key >= `$2`, until one lacks the delimiter. `$1`
/// bucket, `$3` end, `$4` number of keys, `$5` length of the list's prefix, `$6` delimiter, `$7` its successor.
macro_rules! hop {
    ($source:literal) => {
        concat!(
            "WITH RECURSIVE hop (key, step) AS (
                SELECT (SELECT key FROM ",
            $source,
            " AND bucket = $1 AND key >= $2 AND key < $3 ORDER BY key LIMIT 1), 1
                UNION ALL
                SELECT (SELECT key FROM ",
            $source,
            " AND bucket = $1 AND key < $3 AND key >= CAST(
                        substr(hop.key, 1, $5 + instr(substr(hop.key, $5 + 1), $6) - 1) || $7 AS BLOB)
                    ORDER BY key LIMIT 1), step + 1
                FROM hop
                WHERE hop.key IS NOT NULL AND step < $4 AND instr(substr(hop.key, $5 + 1), $6) > 0
            ) SELECT key FROM hop WHERE key IS NOT NULL"
        )
    };
}
pub(super) use hop;

/// What part of a list is wanted.
pub(super) struct Span<'a> {
    pub bucket: BucketId,
    pub prefix: &'a str,
    pub delimiter: &'a str,
    pub start: Start,
    pub limit: u32,
}

/// Where a list begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Start {
    /// With the first key that is not less.
    Key(Vec<u8>),
    /// Behind a row of this key.
    InKey(Vec<u8>, PlaceInKey),
}

impl Start {
    pub fn after(marker: Option<&ListMarker>) -> Self {
        match marker {
            None => Self::Key(Vec::new()),
            Some(ListMarker::Key(key)) => Self::behind(key.as_bytes()),
            Some(ListMarker::CommonPrefix(prefix)) => Self::Key(successor(prefix.as_bytes())),
        }
    }

    /// The key with a zero byte behind it is the first that is greater.
    fn behind(key: &[u8]) -> Self {
        Self::Key([key, &[0]].concat())
    }
}

/// The first byte string behind all those that begin with `prefix`. Keys are UTF-8, which has no 0xFF: what ends in it,
/// or is empty, is ended by 0xFF itself.
pub(in crate::metadata) fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < 0xFF {
            next.push(last + 1);
            return next;
        }
    }
    vec![0xFF]
}

/// The common prefix that the key is rolled up under, if any.
fn common_prefix<'k>(key: &'k [u8], prefix: &str, delimiter: &str) -> Option<&'k [u8]> {
    if delimiter.is_empty() {
        return None;
    }
    let rest = key.get(prefix.len()..)?;
    let at = rest.windows(delimiter.len()).position(|window| window == delimiter.as_bytes())?;
    key.get(..prefix.len() + at + delimiter.len())
}

struct Walk<'a, L: List> {
    list: &'a L,
    span: &'a Span<'a>,
    end: Vec<u8>,
    entries: Vec<ListEntry<L::Item>>,
    statements: u32,
}

/// What a statement left to do.
enum Next {
    Done,
    Run(Start),
    Hop(Vec<u8>),
}

/// One page. A list with a delimiter may take several statements, in one short transaction.
pub(super) async fn page<L: List>(
    list: &L,
    span: &Span<'_>,
    connection: &mut SqliteConnection,
) -> Result<ListPage<L::Item>, QueryError> {
    if span.limit == 0 {
        return Ok(ListPage { entries: Vec::new(), is_truncated: false, statements: 0 });
    }
    let walk = Walk { list, span, end: successor(span.prefix.as_bytes()), entries: Vec::new(), statements: 0 };
    if span.delimiter.is_empty() && L::REST_OF_KEY.is_none() {
        return walk.whole(connection).await;
    }
    // Dropped in between, it is rolled back: no reader stays open.
    let mut snapshot = connection.begin().await?;
    let page = walk.whole(&mut snapshot).await?;
    snapshot.commit().await?;
    Ok(page)
}

impl<L: List> Walk<'_, L> {
    async fn whole(mut self, connection: &mut SqliteConnection) -> Result<ListPage<L::Item>, QueryError> {
        let limit = self.span.limit as usize;
        let mut run = if self.span.delimiter.is_empty() { usize::MAX } else { FIRST_RUN };
        let mut next = Next::Run(self.span.start.clone());
        // One entry more than asked for says that the page is truncated.
        while self.entries.len() <= limit {
            next = match next {
                Next::Done => break,
                Next::Run(start) => {
                    let next = self.run(start, run, connection).await?;
                    run = run.saturating_mul(2);
                    next
                }
                Next::Hop(key) => {
                    run = FIRST_RUN;
                    self.hop(key, connection).await?
                }
            };
        }
        let is_truncated = self.entries.len() > limit;
        self.entries.truncate(limit);
        Ok(ListPage { entries: self.entries, is_truncated, statements: self.statements })
    }

    fn wanted(&self) -> usize {
        self.span.limit as usize + 1 - self.entries.len()
    }

    async fn run(
        &mut self,
        start: Start,
        rows_max: usize,
        connection: &mut SqliteConnection,
    ) -> Result<Next, QueryError> {
        let wanted = self.wanted().min(rows_max);
        let (statement, key, place) = match (start, L::REST_OF_KEY) {
            (Start::InKey(key, place), Some(statement)) => (statement, key, Some(place)),
            (Start::InKey(key, _), None) => return Ok(Next::Run(Start::behind(&key))),
            (Start::Key(key), _) => (L::RUN, key.max(self.span.prefix.as_bytes().to_vec()), None),
        };
        let mut script = Script::of(statement).with(self.span.bucket.0.cast_signed());
        script.bind(&key[..]).bind(&self.end[..]).bind(wanted as i64);
        match &place {
            Some(PlaceInKey::Sequence(sequence)) => _ = script.bind(sequence.cast_signed()),
            Some(PlaceInKey::Id(id)) => _ = script.bind(&id[..]),
            Some(PlaceInKey::Only) | None => {}
        }
        let found = self.list.found(&script.fetch_all(connection).await?)?;
        self.statements += 1;
        let is_cut = found.len() == wanted;
        let mut last = None;
        for Found { item, place } in found {
            let key = L::key(&item).as_bytes();
            if common_prefix(key, self.span.prefix, self.span.delimiter).is_some() {
                return Ok(Next::Hop(key.to_vec()));
            }
            last = Some(place);
            self.entries.push(ListEntry::Item(item));
        }
        match (last, self.entries.last()) {
            (Some(place), Some(ListEntry::Item(item))) if is_cut => {
                Ok(Next::Run(Start::InKey(L::key(item).as_bytes().to_vec(), place)))
            }
            _ if place.is_some() => Ok(Next::Run(Start::behind(&key))),
            _ => Ok(Next::Done),
        }
    }

    async fn hop(&mut self, key: Vec<u8>, connection: &mut SqliteConnection) -> Result<Next, QueryError> {
        let wanted = self.wanted();
        let delimiter = self.span.delimiter.as_bytes();
        let mut script = Script::of(L::HOP).with(self.span.bucket.0.cast_signed());
        script.bind(&key[..]).bind(&self.end[..]).bind(wanted as i64);
        script.bind(self.span.prefix.len() as i64).bind(delimiter).bind(successor(delimiter));
        let rows = script.fetch_all(connection).await?;
        self.statements += 1;
        for row in &rows {
            let found = row.bytes(0)?;
            let Some(prefix) = common_prefix(found, self.span.prefix, self.span.delimiter) else {
                return Ok(Next::Run(Start::Key(found.to_vec())));
            };
            let text = std::str::from_utf8(prefix).map_err(|error| QueryError::Damaged(error.to_string()))?;
            self.entries.push(ListEntry::CommonPrefix(text.to_owned()));
        }
        Ok(Next::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_its_byte_successor() {
        assert_eq!(successor(b"abc"), b"abd");
        assert_eq!(successor("aÿ".as_bytes()), b"a\xc3\xc0");
        assert_eq!(successor(b"a\xff\xff"), b"b");
        assert_eq!(successor(b""), [0xFF]);
    }

    #[test]
    fn the_delimiter_is_looked_for_behind_the_prefix_and_may_be_any_string() {
        assert_eq!(common_prefix(b"a/b/c", "", "/"), Some(&b"a/"[..]));
        assert_eq!(common_prefix(b"a/b/c", "a/", "/"), Some(&b"a/b/"[..]));
        assert_eq!(common_prefix(b"a/b", "a/", "/"), None);
        assert_eq!(common_prefix(b"a/b", "a", "/"), Some(&b"a/"[..]));
        assert_eq!(common_prefix(b"one--two", "", "--"), Some(&b"one--"[..]));
        assert_eq!(common_prefix("日本語".as_bytes(), "", "本"), Some("日本".as_bytes()));
        assert_eq!(common_prefix(b"ab", "", ""), None);
    }
}
