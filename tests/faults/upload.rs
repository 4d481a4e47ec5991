//! Multipart uploads, and races at their end: completed twice, or completed and aborted at once.

use crate::{
    actor::{Actor, BUCKET, Change, Outcome},
    history::{Act, Moment},
    support::content::Write,
};
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart},
};
use std::sync::atomic::Ordering::Relaxed;

/// S3's least length of a part that is not the last.
const PART_LENGTH: usize = 5 << 20;

/// How an upload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Completed,
    CompletedTwice,
    /// At once: one of them wins.
    CompletedAndAborted,
    Aborted,
    Abandoned,
}

struct Upload<'a> {
    key: &'a str,
    id: String,
    parts: CompletedMultipartUpload,
}

impl Actor {
    /// The object shows either all of the write or nothing of it.
    pub async fn upload(&self, key: &str, write: Write, end: End) -> Outcome<()> {
        let upload = match self.upload_parts(key, write).await {
            Outcome::Done(upload) => upload,
            other => return other.map(drop),
        };
        self.shared.totals.uploads.fetch_add(1, Relaxed);
        let begun = self.history().now();
        let change = Change { act: Act::Became(Some(write)), when_refused: None };
        match end {
            End::Completed => {
                let outcome = self.complete(&upload).await;
                self.note(key, change, begun, outcome)
            }
            End::CompletedTwice => {
                let outcomes = tokio::join!(self.complete(&upload), self.complete(&upload));
                self.note_twice(key, change, begun, outcomes)
            }
            End::CompletedAndAborted => {
                let (completed, aborted) = tokio::join!(self.complete(&upload), self.abort(&upload));
                self.note_race(key, change, begun, completed, aborted)
            }
            End::Aborted => self.abort(&upload).await,
            End::Abandoned => Outcome::Done(()),
        }
    }

    async fn upload_parts<'a>(&self, key: &'a str, write: Write) -> Outcome<Upload<'a>> {
        let created = match self.outcome(self.client.create_multipart_upload().bucket(BUCKET).key(key).send().await) {
            Outcome::Done(created) => created,
            other => return other.map(|_| unreachable!("it was not created")),
        };
        let id = created.upload_id().expect("an upload has an id").to_owned();
        let mut parts = CompletedMultipartUpload::builder();
        for (number, bytes) in (1..).zip(write.body(key).chunks(PART_LENGTH)) {
            let request = self.client.upload_part().bucket(BUCKET).key(key).upload_id(&id).part_number(number);
            match self.outcome(request.body(ByteStream::from(bytes.to_vec())).send().await) {
                Outcome::Done(sent) => {
                    let etag = sent.e_tag().expect("a part has an ETag");
                    parts = parts.parts(CompletedPart::builder().part_number(number).e_tag(etag).build());
                }
                other => return other.map(|_| unreachable!("it was not sent")),
            }
        }
        Outcome::Done(Upload { key, id, parts: parts.build() })
    }

    async fn complete(&self, upload: &Upload<'_>) -> Outcome<()> {
        let request = self.client.complete_multipart_upload().bucket(BUCKET).key(upload.key).upload_id(&upload.id);
        self.outcome(request.multipart_upload(upload.parts.clone()).send().await).map(drop)
    }

    async fn abort(&self, upload: &Upload<'_>) -> Outcome<()> {
        let request = self.client.abort_multipart_upload().bucket(BUCKET).key(upload.key).upload_id(&upload.id);
        self.outcome(request.send().await).map(drop)
    }

    /// Both may say that it is done; it happened once.
    fn note_twice(
        &self,
        key: &str,
        change: Change,
        begun: Moment,
        outcomes: (Outcome<()>, Outcome<()>),
    ) -> Outcome<()> {
        let sum = match outcomes {
            (refused @ Outcome::Refused(..), _) | (_, refused @ Outcome::Refused(..)) => {
                panic!("{key}: a completion beside another was refused: {refused:?}")
            }
            (Outcome::Done(()), _) | (_, Outcome::Done(())) => Outcome::Done(()),
            (Outcome::Unanswered, Outcome::Unanswered) => Outcome::Unanswered,
        };
        self.note(key, change, begun, sum)
    }

    fn note_race(
        &self,
        key: &str,
        change: Change,
        begun: Moment,
        completed: Outcome<()>,
        aborted: Outcome<()>,
    ) -> Outcome<()> {
        match (&completed, &aborted) {
            // The upload was gone, so the object never shows this write: it stays out of the history.
            (Outcome::Refused(404, _), Outcome::Done(()) | Outcome::Unanswered) => completed,
            (Outcome::Done(()), Outcome::Done(())) => panic!("{key}: an upload was both completed and aborted"),
            (_, Outcome::Refused(status, code)) if *status != 404 => {
                panic!("{key}: an abort was refused with {status} {code}")
            }
            _ => self.note(key, change, begun, completed),
        }
    }
}
