//! One chunk to the members of its group, all at once.
//!
//! Waits for every member. Once `required` of them have the chunk durable, the rest get `straggler_wait` more; who has
//! not answered by then is left behind (and counted late), and what it lacks goes on the repair list with the commit.
//! When so many refuse that `required` can't be reached, nobody is waited for.

use super::{member_set::MemberSet, topology::PlacedGroup};
use crate::node::{NodeError, api::PutChunk};
use futures_util::future::BoxFuture;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Sleep;

/// How long a chunk may take in all when it was tried before.
pub const SEND_DEADLINE: Duration = Duration::from_secs(15);

/// What is enough, and how long the rest is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Members that must have the chunk durable.
    pub required: usize,
    pub straggler_wait: Duration,
    /// A group that can't bring `required` members to answer by then has failed.
    pub deadline: Duration,
}

/// Who has the chunk.
#[derive(Clone, Debug, Default)]
pub struct SendReport {
    pub durable: MemberSet,
    /// Members that answered something else, and what.
    pub refused: Vec<(usize, NodeError)>,
}

/// Sends the chunk to the members in `targets`. Dropping the future leaves at worst durable chunks that nobody names.
pub async fn send_chunk(group: &PlacedGroup, targets: MemberSet, put: PutChunk, patience: Patience) -> SendReport {
    let loads: Vec<_> = targets.iter().map(|position| group.members[position].vitals.begin_request()).collect();
    let mut pending = Vec::with_capacity(targets.count());
    let mut put = Some(put);
    for (position, remaining) in targets.iter().zip((0..targets.count()).rev()) {
        // The last member takes the original, the others copies (of handles, not of bytes).
        let own = if remaining == 0 { put.take() } else { put.clone() };
        let Some(own) = own else { break };
        pending.push((position, group.members[position].api.put_chunk(own)));
    }
    let sending = Sending { pending, patience, deadline: None, report: SendReport::default(), is_straggling: false };
    let (report, left_behind) = sending.await;
    drop(loads);
    note_answers(group, &report, &left_behind);
    report
}

fn note_answers(group: &PlacedGroup, report: &SendReport, left_behind: &[usize]) {
    for position in report.durable.iter() {
        group.members[position].note(&Ok(()));
    }
    for (position, error) in &report.refused {
        tracing::debug!(node = %group.members[*position].row.name, %error, "a node did not take a chunk");
        group.members[*position].note::<()>(&Err(error.clone()));
    }
    for position in left_behind {
        group.members[*position].note_late("it did not make a chunk durable in time");
    }
}

type PendingPut<'a> = (usize, BoxFuture<'a, Result<(), NodeError>>);

/// The members' answers, polled side by side: they are few, so looking at each on every wake is cheaper than keeping
/// wakers apart.
struct Sending<'a> {
    pending: Vec<PendingPut<'a>>,
    patience: Patience,
    /// Made when the first poll leaves something pending.
    deadline: Option<Pin<Box<Sleep>>>,
    is_straggling: bool,
    report: SendReport,
}

impl Sending<'_> {
    fn poll_members(&mut self, context: &mut Context<'_>) {
        let report = &mut self.report;
        self.pending.retain_mut(|(position, answer)| match answer.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => {
                report.durable.insert(*position);
                false
            }
            Poll::Ready(Err(error)) => {
                report.refused.push((*position, error));
                false
            }
        });
    }

    /// Whether too few would have the chunk even if everybody who is still pending took it.
    fn is_hopeless(&self) -> bool {
        self.report.durable.count() + self.pending.len() < self.patience.required
    }

    /// Whether who is still pending has had its time.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> bool {
        let now = tokio::time::Instant::now();
        let has_enough = self.report.durable.count() >= self.patience.required;
        if has_enough && !self.is_straggling {
            self.is_straggling = true;
            match &mut self.deadline {
                Some(deadline) => deadline.as_mut().reset(now + self.patience.straggler_wait),
                None => self.deadline = Some(Box::pin(tokio::time::sleep(self.patience.straggler_wait))),
            }
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience.deadline)));
        deadline.as_mut().poll(context).is_ready()
    }
}

impl Future for Sending<'_> {
    /// And who was left behind.
    type Output = (SendReport, Vec<usize>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.poll_members(context);
        if this.is_hopeless() {
            // Nobody is late: who has not answered was not waited for.
            this.pending.clear();
        }
        if !this.pending.is_empty() && !this.poll_deadline(context) {
            return Poll::Pending;
        }
        let left_behind = this.pending.drain(..).map(|(position, _)| position).collect();
        Poll::Ready((std::mem::take(&mut this.report), left_behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::future::{pending, ready};

    fn sending(required: usize, answers: Vec<BoxFuture<'static, Result<(), NodeError>>>) -> Sending<'static> {
        Sending {
            pending: answers.into_iter().enumerate().collect(),
            patience: Patience { required, straggler_wait: Duration::from_secs(600), deadline: SEND_DEADLINE },
            deadline: None,
            is_straggling: false,
            report: SendReport::default(),
        }
    }

    /// Two members were gone and the third hung: every write took the whole deadline to fail.
    #[tokio::test]
    async fn nobody_is_waited_for_once_too_few_are_left() {
        let refused = || ready(Err(NodeError::Full)).boxed();
        let answers = || vec![refused(), pending().boxed(), refused()];
        let (report, left_behind) = sending(2, answers()).now_or_never().unwrap();
        assert_eq!((report.durable.count(), report.refused.len()), (0, 2));
        assert!(left_behind.is_empty(), "who was not waited for is not late");
        assert!(sending(1, answers()).now_or_never().is_none(), "one is enough and may still come");
    }
}
