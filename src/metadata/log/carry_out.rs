//! A batch that nodes kept and that the database lacks is carried out by the writer, as the transaction that it was.

use super::LoggedBatch;
use crate::metadata::{
    Metadata,
    error::{MetadataError, ProposeError},
    schema,
    writer::{Origin, Place},
};

impl Metadata {
    /// The batch begins right behind the newest command. Called before anything is proposed: that would take its numbers. All of it
    /// is durable when this returns; after an error all or nothing is.
    pub async fn carry_out(&self, batch: &LoggedBatch) -> Result<(), MetadataError> {
        let does_not_fit = || {
            let (first, last) = (batch.first, batch.last);
            MetadataError::Damaged(format!("commands {first} to {last} do not follow command {}", self.committed()))
        };
        let records = batch.records()?;
        if records.is_empty() || batch.first != self.committed().next() {
            return Err(does_not_fit());
        }
        if !self.log_is_proved() {
            // The end of the log may be what can't be read, and a checkpoint may have taken parts of it before.
            schema::verify(&mut *self.reader().await?).await?;
        }
        let (last, mut answers) = (records.len() - 1, Vec::with_capacity(records.len()));
        for (position, record) in records.into_iter().enumerate() {
            let place = if position == last { Place::Last } else { Place::BeforeOthers };
            answers.push(self.submit(record.command, Origin::CommandLog(place)).await?);
        }
        for answer in answers {
            match answer.await.map_err(|_| ProposeError::Unavailable("it has failed".to_owned()))? {
                // What was refused then is refused now.
                Ok(_) | Err(ProposeError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.committed() == batch.last { Ok(()) } else { Err(does_not_fit()) }
    }
}
