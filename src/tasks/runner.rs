//! Runs background tasks: calls their steps, paces them, backs off after failures, pauses them, knows how they are.
//! Nobody else spawns background work.

use super::{
    Task,
    pace::{rest_after, rest_after_failures},
    rate::Rate,
    status::{TaskState, TaskStatus},
};
use crate::runtime::{Clock, Progress, Shutdown};
use futures_util::FutureExt;
use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// The tasks that run. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    running: Arc<[Running]>,
    clock: Arc<dyn Clock>,
}

struct Running {
    status: Arc<Mutex<TaskStatus>>,
    work: Option<Arc<Work>>,
    is_paused: watch::Sender<bool>,
}

/// What a task has done, and how fast.
struct Work {
    progress: Progress,
    rate: Mutex<Rate>,
}

/// How busy clients keep the process, from 0 to 1.
pub type Busyness = Arc<dyn Fn() -> f64 + Send + Sync>;

/// No task of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no background task of that name")]
pub struct NoSuchTask;

impl Tasks {
    /// Starts the tasks, those in `paused` at rest; they end with `shutdown`, in the middle of a step if need be.
    pub fn start(
        tasks: Vec<Box<dyn Task>>,
        paused: &HashSet<String>,
        busyness: &Busyness,
        clock: &Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> Self {
        let start = |task: Box<dyn Task>| {
            let status = Arc::new(Mutex::new(TaskStatus::new(task.name())));
            let work = task.progress().map(|progress| Arc::new(Work { progress, rate: Mutex::default() }));
            let (is_paused, pauses) = watch::channel(paused.contains(task.name()));
            let runner = Runner {
                task,
                status: status.clone(),
                work: work.clone(),
                pauses,
                busyness: busyness.clone(),
                clock: clock.clone(),
                failures_running: 0,
            };
            let ending = shutdown.clone();
            shutdown.spawn(async move {
                tokio::select! {
                    () = ending.cancelled() => {}
                    () = runner.run() => {}
                }
            });
            Running { status, work, is_paused }
        };
        Self { running: tasks.into_iter().map(start).collect(), clock: clock.clone() }
    }

    pub fn status(&self) -> Vec<TaskStatus> {
        let now = self.clock.monotonic();
        let status = |running: &Running| {
            let status = lock(&running.status).clone();
            let Some(work) = &running.work else { return status };
            let done = work.progress.done();
            let per_second = lock(&work.rate).per_second(now, done);
            TaskStatus { done: Some(done), left: work.progress.left(), per_second, ..status }
        };
        self.running.iter().map(status).collect()
    }

    /// The task makes no further step until it is resumed; one under way is finished.
    pub fn pause(&self, name: &str) -> Result<(), NoSuchTask> {
        self.set_paused(name, true)
    }

    pub fn resume(&self, name: &str) -> Result<(), NoSuchTask> {
        self.set_paused(name, false)
    }

    /// Those that an operator has rest.
    pub fn paused(&self) -> Vec<String> {
        let paused = self.running.iter().filter(|running| *running.is_paused.borrow());
        paused.map(|running| lock(&running.status).name.to_owned()).collect()
    }

    /// Whether an operator has it rest.
    pub fn is_paused(&self, name: &str) -> bool {
        self.running.iter().any(|running| lock(&running.status).name == name && *running.is_paused.borrow())
    }

    fn set_paused(&self, name: &str, is_paused: bool) -> Result<(), NoSuchTask> {
        let running = self.running.iter().find(|running| lock(&running.status).name == name).ok_or(NoSuchTask)?;
        running.is_paused.send_replace(is_paused);
        Ok(())
    }
}

struct Runner {
    task: Box<dyn Task>,
    status: Arc<Mutex<TaskStatus>>,
    work: Option<Arc<Work>>,
    busyness: Busyness,
    pauses: watch::Receiver<bool>,
    clock: Arc<dyn Clock>,
    failures_running: u32,
}

impl Runner {
    async fn run(mut self) {
        self.wait_while_paused().await;
        while let Some(rest) = self.step().await {
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                // Without a handle nobody can order anything, and `changed` would answer at once.
                _ = self.pauses.changed(), if self.pauses.has_changed().is_ok() => {}
            }
            self.wait_while_paused().await;
        }
    }

    /// One step; how long to rest after it, `None` when the task is done.
    async fn step(&mut self) -> Option<Duration> {
        let began = self.clock.monotonic();
        self.note_work(began);
        // A step that panics is a step that failed: the next one goes on, as after a dropped one.
        let result = AssertUnwindSafe(self.task.step()).catch_unwind().await;
        let result = result.unwrap_or_else(|_| Err("it panicked".to_owned()));
        let took = self.clock.monotonic().saturating_sub(began);
        self.note_work(began + took);
        let busyness = (self.busyness)().min(self.task.yields_to());
        let mut status = lock(&self.status);
        match result {
            Ok(step) => {
                self.failures_running = 0;
                status.steps += 1;
                let rest = rest_after(step, took, self.task.idle_for(), busyness);
                status.state = match step {
                    crate::runtime::Step::Busy => TaskState::Working,
                    crate::runtime::Step::Idle => TaskState::Idle,
                    crate::runtime::Step::Done => TaskState::Done,
                };
                rest
            }
            Err(error) => {
                tracing::warn!(task = self.task.name(), error, "a step of a background task failed");
                self.failures_running = self.failures_running.saturating_add(1);
                status.failures += 1;
                status.state = TaskState::BackingOff;
                status.last_error = Some(error);
                Some(rest_after_failures(self.failures_running))
            }
        }
    }

    fn note_work(&self, now: Duration) {
        if let Some(work) = &self.work {
            lock(&work.rate).note(now, work.progress.done());
        }
    }

    async fn wait_while_paused(&mut self) {
        if !*self.pauses.borrow_and_update() {
            return;
        }
        let before = std::mem::replace(&mut lock(&self.status).state, TaskState::Paused);
        // An error means that the handle is gone: nobody can resume it, so it goes on.
        let _resumed = self.pauses.wait_for(|is_paused| !is_paused).await;
        lock(&self.status).state = before;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Step, SystemClock};
    use futures_util::future::BoxFuture;
    use tokio::sync::mpsc;

    /// Does what the test says, step by step.
    struct Scripted {
        script: Vec<Result<Step, String>>,
        steps: mpsc::UnboundedSender<()>,
    }

    impl Task for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
            self.steps.send(()).unwrap();
            let next = self.script.pop().unwrap_or(Ok(Step::Done));
            Box::pin(async {
                if let Err(reason) = &next
                    && reason == "panic"
                {
                    panic!("as the test wants");
                }
                next
            })
        }

        fn idle_for(&self) -> Duration {
            Duration::from_millis(1)
        }
    }

    fn start(mut script: Vec<Result<Step, String>>) -> (Tasks, mpsc::UnboundedReceiver<()>, Shutdown) {
        script.reverse();
        let (steps, made) = mpsc::unbounded_channel();
        let (clock, shutdown): (Arc<dyn Clock>, _) = (Arc::new(SystemClock::new()), Shutdown::new());
        let busyness: Busyness = Arc::new(|| 0.0);
        let tasks = vec![Box::new(Scripted { script, steps }) as Box<dyn Task>];
        (Tasks::start(tasks, &HashSet::new(), &busyness, &clock, &shutdown), made, shutdown)
    }

    async fn ended(made: &mut mpsc::UnboundedReceiver<()>) -> usize {
        let mut count = 0;
        while made.recv().await.is_some() {
            count += 1;
        }
        count
    }

    #[tokio::test]
    async fn a_task_runs_until_it_is_done() {
        let (tasks, mut made, _shutdown) = start(vec![Ok(Step::Busy), Ok(Step::Idle), Ok(Step::Busy)]);
        assert_eq!(ended(&mut made).await, 4);
        let [status] = &tasks.status()[..] else { panic!("one task") };
        assert_eq!((status.state, status.steps, status.failures), (TaskState::Done, 4, 0));
    }

    #[tokio::test]
    async fn a_failed_step_is_tried_again_and_remembered() {
        let (tasks, mut made, _shutdown) = start(vec![Err("no".into())]);
        assert_eq!(ended(&mut made).await, 2);
        let [status] = &tasks.status()[..] else { panic!("one task") };
        assert_eq!((status.steps, status.failures, status.last_error.as_deref()), (1, 1, Some("no")));
    }

    /// A task that had panicked never ran again, and nobody was told.
    #[tokio::test]
    async fn a_step_that_panics_is_a_step_that_failed() {
        let (tasks, mut made, _shutdown) = start(vec![Err("panic".into())]);
        assert_eq!(ended(&mut made).await, 2);
        let [status] = &tasks.status()[..] else { panic!("one task") };
        assert_eq!((status.state, status.failures), (TaskState::Done, 1));
    }

    #[tokio::test]
    async fn a_paused_task_makes_no_step_until_it_is_resumed() {
        let (tasks, mut made, _shutdown) = start(vec![Ok(Step::Idle); 3]);
        assert!(!tasks.is_paused("scripted"));
        tasks.pause("scripted").unwrap();
        assert!(tasks.is_paused("scripted") && !tasks.is_paused("nobody"));
        while tasks.status()[0].state != TaskState::Paused {
            tokio::task::yield_now().await;
        }
        assert!(made.try_recv().is_err());
        tasks.resume("scripted").unwrap();
        assert_eq!(ended(&mut made).await, 4);
        assert_eq!(tasks.pause("nobody"), Err(NoSuchTask));
    }

    #[tokio::test]
    async fn shutdown_ends_every_task() {
        let (_tasks, _made, shutdown) = start(vec![Ok(Step::Idle); 100_000]);
        shutdown.begin();
        assert!(shutdown.drained(Duration::from_secs(60)).await);
    }
}
