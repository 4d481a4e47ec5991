//! Access keys. Secrets arrive sealed; nothing here can open them.

use super::transaction::{ApplyError, Transaction};
use crate::metadata::{
    columns::time,
    command::NewAccessKey,
    outcome::{CommandError, Outcome},
    script::Script,
};

const KEY_EXISTS: &str = "SELECT 1 FROM access_keys WHERE access_key = $1";
const INSERT_KEY: &str =
    "INSERT INTO access_keys (access_key, sealed_secret, name, is_enabled, created) VALUES ($1, $2, $3, 1, $4)";

pub(super) async fn create(key: &NewAccessKey, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    if tx.fetch_number(Script::of(KEY_EXISTS).with(&key.access_key)).await?.is_some() {
        return Err(CommandError::AccessKeyExists.into());
    }
    let mut script = Script::of(INSERT_KEY);
    script.bind(&key.access_key).bind(&key.sealed_secret[..]).bind(&key.name).bind(time(key.created));
    tx.execute(script).await?;
    Ok(Outcome::Done)
}

const SET_ENABLED: &str = "UPDATE access_keys SET is_enabled = $2 WHERE access_key = $1";
const DELETE_KEY: &str = "DELETE FROM access_keys WHERE access_key = $1";

pub(super) async fn set_enabled(
    access_key: &str,
    enabled: bool,
    tx: &mut Transaction<'_>,
) -> Result<Outcome, ApplyError> {
    let script = Script::of(SET_ENABLED).with(access_key).with(i64::from(enabled));
    found(tx.execute(script).await?)
}

pub(super) async fn delete(access_key: &str, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    found(tx.execute(Script::of(DELETE_KEY).with(access_key)).await?)
}

fn found(rows: u64) -> Result<Outcome, ApplyError> {
    match rows {
        0 => Err(CommandError::NoSuchAccessKey.into()),
        _ => Ok(Outcome::Done),
    }
}
