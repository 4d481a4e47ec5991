//! Tables and indexes: whether they are what the migrations make. What lacks one answers errors, to lists for instance, though
//! every row is right.

use super::{Examination, Finding, Severity, copy::Copy, or_finding};
use crate::metadata::{
    connection,
    error::{MetadataError, QueryError},
    schema,
};
use sqlx::{Connection, SqliteConnection};
use std::{collections::BTreeMap, path::Path};

/// Kind and name, the table, and what it is made of. Of tables that is their columns: what changed them later stands in the
/// text of their definition, and how is SQLite's affair. The engine's own are left out, and the doctor's indexes.
const LIST: &str = r#"
    SELECT m.type || ' ' || m.name, m.tbl_name,
        iif(m.type = 'table',
            (SELECT group_concat(c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || c.pk, ', ')
                FROM pragma_table_xinfo(m.name) c),
            m.sql)
    FROM sqlite_schema m WHERE substr(m.name, 1, 7) NOT IN ('sqlite_', 'doctor_')"#;

const REMEDY: &str = "the metadata was changed by hand or is damaged: restore the newest backup that the doctor finds nothing in \
    (`--offline FILE`; `--restore FILE`, docs/recovering.md)";

/// What a table or an index is made of, by its kind and name, and the table that it belongs to.
type Definitions = BTreeMap<String, (String, String)>;

pub(super) async fn run(copy: &mut Copy, examination: &mut Examination) -> Result<(), MetadataError> {
    let wanted = as_migrations_make_them().await?;
    let found = definitions(copy.connection()).await.map(|found| compare(&wanted, &found));
    examination.note("tables", or_finding("tables", found)?);
    Ok(())
}

async fn as_migrations_make_them() -> Result<Definitions, MetadataError> {
    let mut connection = connection::in_memory().await?;
    schema::bring_up_to_date(&mut connection, Path::new("in memory"), schema::known()).await?;
    let wanted = definitions(&mut connection).await?;
    connection.close().await?;
    Ok(wanted)
}

async fn definitions(connection: &mut SqliteConnection) -> Result<Definitions, QueryError> {
    let rows = sqlx::query(LIST).fetch_all(connection).await?;
    let decode = |row: &_| {
        let text = |column| super::lossy_text(row, column);
        Ok((text(0)?, (text(1)?, text(2)?)))
    };
    rows.iter().map(decode).collect()
}

fn compare(wanted: &Definitions, found: &Definitions) -> Vec<Finding> {
    let finding = |severity, what| Finding { check: "tables", severity, what, object: None, remedy: REMEDY };
    let mut findings = Vec::new();
    for (name, definition) in wanted {
        match found.get(name) {
            Some(same) if same == definition => {}
            Some(_) => findings.push(finding(Severity::Danger, format!("the {name} is not what larder makes"))),
            // Of a table that is gone so are its indexes.
            None if !name.starts_with("table ") && !found.contains_key(&format!("table {}", definition.0)) => {}
            None => findings.push(finding(Severity::Danger, format!("the {name} is gone"))),
        }
    }
    let others = found.keys().filter(|name| !wanted.contains_key(*name));
    findings.extend(others.map(|name| finding(Severity::Wrong, format!("the {name} is none of larder's"))));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(rows: &[(&str, &str, &str)]) -> Definitions {
        rows.iter().map(|(name, table, of)| ((*name).to_owned(), ((*table).to_owned(), (*of).to_owned()))).collect()
    }

    #[test]
    fn what_is_gone_or_other_or_too_many_is_told_each_once() {
        let wanted =
            some(&[("table a", "a", "x"), ("index i", "a", "y"), ("table b", "b", "z"), ("index j", "b", "w")]);
        assert_eq!(compare(&wanted, &wanted), []);
        let found = some(&[("table a", "a", "x"), ("index i", "a", "other"), ("trigger t", "a", "v")]);
        let told: Vec<String> = compare(&wanted, &found).into_iter().map(|finding| finding.what).collect();
        assert_eq!(
            told,
            ["the index i is not what larder makes", "the table b is gone", "the trigger t is none of larder's"]
        );
    }
}
