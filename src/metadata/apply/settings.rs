//! What the cluster remembers of itself: the term of the gateway's reign, and which history an operator confirmed.

use super::transaction::{ApplyError, Transaction};
use crate::{
    metadata::{
        columns::{number, time},
        outcome::{CommandError, Outcome},
        script::Script,
    },
    types::{HistoryId, Term, Timestamp},
};

const RAISE_TERM: &str = "
    INSERT INTO settings (name, value) VALUES ('term', $1 + 1)
    ON CONFLICT (name) DO UPDATE SET value = max(value, $1) + 1 RETURNING value";
const SET: &str = "
    INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Afterwards the term is higher than it was and than `above`, and it is this gateway's.
pub(super) async fn begin_term(
    gateway: &str,
    place: Option<&str>,
    above: Term,
    at: Timestamp,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let mut script = Script::of(SET).with("gateway").with(gateway);
    script.add(SET).bind("term_began").bind(time(at));
    if let Some(place) = place {
        script.add(SET).bind("term_place").bind(place);
    }
    tx.execute(script).await?;
    let term = tx.fetch_number(Script::of(RAISE_TERM).with(number(above.0))).await?;
    let term = term.ok_or_else(|| CommandError::Malformed { reason: "no term".to_owned() })?;
    Ok(Outcome::TermBegun { term: Term(term) })
}

/// Afterwards this history is the confirmed one. Whether it is the database's is compared when it is read, so that a
/// replay in a database of another history gives the same rows.
pub(super) async fn confirm_history(
    history: HistoryId,
    at: Timestamp,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let mut script = Script::of(SET).with("confirmed_history").with(&history.as_bytes()[..]);
    script.add(SET).bind("confirmed_at").bind(time(at));
    tx.execute(script).await?;
    Ok(Outcome::Done)
}
