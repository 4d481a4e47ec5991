//! What jobs keep: by name, the last one counts, gone when it is forgotten, there again after a restart.

use super::fixture::*;
use crate::metadata::{Command, CommandError, command::SaveJobState};

fn save(name: &str, state: Option<&str>) -> Command {
    Command::SaveJobState(SaveJobState { name: name.to_owned(), state: state.map(str::to_owned) })
}

#[tokio::test]
async fn a_job_finds_what_it_saved_last_also_after_a_restart() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.metadata.job_state("verify").await.unwrap(), None);
    fixture.done(save("verify", Some("1"))).await;
    fixture.done(save("verify", Some("2"))).await;
    fixture.done(save("pause/repair", Some("yes"))).await;
    fixture.metadata.close().await;
    let metadata = open(&fixture.folder.path().join("metadata"), &settings(), hooks()).await;
    assert_eq!(metadata.job_state("verify").await.unwrap().as_deref(), Some("2"));
    assert_eq!(metadata.job_states("pause/").await.unwrap(), [("pause/repair".to_owned(), "yes".to_owned())]);
    assert_eq!(metadata.job_states("").await.unwrap().len(), 2);
    metadata.propose(save("verify", None)).await.unwrap();
    assert_eq!(metadata.job_state("verify").await.unwrap(), None);
}

#[tokio::test]
async fn a_state_beyond_its_bounds_is_refused() {
    let fixture = Fixture::new().await;
    let long_name = "n".repeat(SaveJobState::NAME_BYTES_MAX + 1);
    let long_state = "s".repeat(SaveJobState::STATE_BYTES_MAX + 1);
    for command in [save("", None), save(&long_name, Some("1")), save("verify", Some(&long_state))] {
        assert!(matches!(fixture.propose(command).await, Err(CommandError::Malformed { .. })));
    }
    assert!(fixture.metadata.job_states("").await.unwrap().is_empty());
}
