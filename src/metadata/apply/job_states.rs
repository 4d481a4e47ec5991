//! What jobs keep over a restart: a cursor, counts, an operator's word. The metadata does not look into it.

use super::transaction::{ApplyError, Transaction};
use crate::metadata::{
    command::SaveJobState,
    outcome::{CommandError, Outcome},
    script::Script,
};

const SAVE: &str = "
    INSERT INTO job_states (name, state) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET state = excluded.state";
const FORGET: &str = "DELETE FROM job_states WHERE name = $1";

pub(super) async fn save(job: &SaveJobState, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let state_bytes = job.state.as_ref().map_or(0, String::len);
    if job.name.is_empty() || job.name.len() > SaveJobState::NAME_BYTES_MAX {
        return Err(CommandError::Malformed { reason: "a job's name is empty or too long".to_owned() }.into());
    }
    if state_bytes > SaveJobState::STATE_BYTES_MAX {
        let reason = format!("the state of job {} has {state_bytes} bytes", job.name);
        return Err(CommandError::Malformed { reason }.into());
    }
    let script = match &job.state {
        Some(state) => Script::of(SAVE).with(&job.name).with(state),
        None => Script::of(FORGET).with(&job.name),
    };
    tx.execute(script).await?;
    Ok(Outcome::Done)
}
