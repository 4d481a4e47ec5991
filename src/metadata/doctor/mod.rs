//! The doctor: every invariant of the metadata, checked over a copy of it.
//!
//! The copy is one moment's state, made as a backup is: what commits meanwhile is not in it, so nothing is found that is only
//! half written, and the checks that go through all rows keep no read of the living database open. What a copy does not
//! show, damaged pages, is asked of the living database itself: one read goes through all of it, as one does while the copy is
//! made, and the log grows meanwhile. The copy gets indexes of its own, so that each check costs one pass, and is gone
//! afterwards. What is sorted for them goes to SQLite's folder for temporary files.
//!
//! Whatever the database holds, the doctor says something: a check that fails over it is a finding itself.
//!
//! - `checks`: those that are one statement each, by subject
//! - `decoding`: keys, headers and tags, which it takes more than a statement to read
//! - `tables`: tables and indexes
//! - `topology`: nodes, groups and the repair list, whose columns hold lists of ids
//! - `settings`: what the metadata knows of itself
//! - `copy`: the copy
//! - `offline`: the doctor's visit to metadata that no gateway has open

mod checks;
mod copy;
mod decoding;
mod offline;
mod settings;
mod tables;
mod topology;

use super::{
    Metadata, MetadataSettings,
    columns::Columns,
    connection,
    error::{MetadataError, QueryError},
    script::Script,
};
use crate::types::{BucketName, CommitSequence, ObjectKey};
use copy::Copy;
pub use offline::examine_offline;
use sqlx::sqlite::SqliteRow;
use std::path::Path;

/// Findings of one check that are told; that there are more is said.
const FINDINGS_MAX: usize = 100;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Data can't be read, or may be lost.
    Danger,
    /// An answer is not what it should be, or something does not go on.
    Wrong,
    /// Space is occupied for nothing.
    Waste,
}

/// An invariant that does not hold somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check's name.
    pub check: &'static str,
    pub severity: Severity,
    pub what: String,
    /// The object that it is about, when one can be named.
    pub object: Option<(BucketName, ObjectKey)>,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What the doctor found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// Everything up to this command was looked at.
    pub committed: CommitSequence,
    pub checks: usize,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// Checks that found more than is told.
    pub cut: Vec<&'static str>,
}

const QUICK_CHECK: &str = "PRAGMA quick_check(20)";
const DAMAGED_PAGES: &str = "stop the gateway, copy its data directory aside, and restore the newest backup \
    (`--restore FILE`, docs/recovering.md); the disk may be failing";

impl Metadata {
    /// Checks everything, for one who asks at a time: each takes a copy's room. The copy is made as `scratch`, which must not
    /// exist; it is gone afterwards, also when the future is dropped.
    pub async fn examine(&self, scratch: &Path) -> Result<Examination, MetadataError> {
        let patient = Patient { database: self.database(), settings: self.settings(), committed: self.committed() };
        let _turn = self.examination_turn().ok_or(MetadataError::ExaminationUnderWay)?;
        // First what takes no time: nobody waits for what is refused in the end.
        copy::check_room(self, scratch)?;
        patient.examine(scratch).await
    }
}

/// The database that is looked at.
struct Patient<'a> {
    database: &'a Path,
    settings: &'a MetadataSettings,
    /// At least up to this command.
    committed: CommitSequence,
}

impl Patient<'_> {
    async fn examine(&self, scratch: &Path) -> Result<Examination, MetadataError> {
        let mut examination = Examination { committed: self.committed, checks: 1, ..Examination::default() };
        self.check_pages(&mut examination).await?;
        let copied = Copy::make(self.database, self.settings, scratch).await;
        let mut copy = match copied {
            Ok(copy) => copy,
            // Pages or rows so bad that they can't be read.
            Err(error) if error.is_damage() => {
                examination.findings.push(damage(error.to_string()));
                return Ok(examination);
            }
            Err(error) => return Err(error),
        };
        tables::run(&mut copy, &mut examination).await?;
        checks::run(&mut copy, &mut examination).await?;
        decoding::run(&mut copy, &mut examination).await?;
        topology::run(&mut copy, &mut examination).await?;
        settings::run(&mut copy, &mut examination).await?;
        copy.discard().await;
        examination.findings.sort_by_key(|finding| finding.severity);
        Ok(examination)
    }

    /// On a connection of its own: it takes long, and queries go on.
    async fn check_pages(&self, examination: &mut Examination) -> Result<(), MetadataError> {
        let problems = match self.quick_check().await {
            Err(QueryError::Database(error)) if error.is_of_contents() => vec![error.to_string()],
            problems => problems?,
        };
        examination.findings.extend(problems.into_iter().map(damage));
        Ok(())
    }

    async fn quick_check(&self) -> Result<Vec<String>, QueryError> {
        let mut connection = connection::reader(self.database, self.settings).await?;
        let rows = Script::of(QUICK_CHECK).fetch_all(&mut connection).await?;
        let mut problems = Vec::new();
        for row in rows {
            problems.extend(Some(lossy_text(&row, 0)?).filter(|problem| problem != "ok"));
        }
        Ok(problems)
    }
}

/// What a check found; when it could not be made for what the database holds, that is what it found.
fn or_finding(check: &'static str, found: Result<Vec<Finding>, QueryError>) -> Result<Vec<Finding>, QueryError> {
    let what = match found {
        Err(QueryError::Database(error)) if error.is_of_contents() => error.to_string(),
        Err(QueryError::Damaged(what)) => what,
        found => return found,
    };
    let what = format!("the check could not be made: {what}");
    Ok(vec![Finding { check, severity: Severity::Danger, what, object: None, remedy: DAMAGED_PAGES }])
}

/// Text of a row that somebody may have broken: what is no UTF-8 shows as such, and a null as nothing.
fn lossy_text(row: &SqliteRow, column: usize) -> Result<String, QueryError> {
    Ok(row.optional_bytes(column)?.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default())
}

fn damage(what: String) -> Finding {
    Finding { check: "pages", severity: Severity::Danger, what, object: None, remedy: DAMAGED_PAGES }
}

impl Examination {
    /// Takes in what a check found, up to the bound.
    fn note(&mut self, check: &'static str, findings: Vec<Finding>) {
        self.checks += 1;
        if findings.len() > FINDINGS_MAX {
            self.cut.push(check);
        }
        self.findings.extend(findings.into_iter().take(FINDINGS_MAX));
    }
}
