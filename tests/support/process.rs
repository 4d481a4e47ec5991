//! A running process of the binary: its greeting, its log, its end.

use super::command::larder;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
};

/// What a node under test takes its disk for, so that one with little free space is not nearly full to every test.
const CAPACITY: &str = "16GiB";

/// Killed, by its own id, when it is dropped.
pub struct Running {
    child: Child,
    /// Behind a lock so that tests may share a server.
    greeting: Mutex<Receiver<String>>,
    log: PathBuf,
}

impl Running {
    /// Starts the binary; its log goes to the end of a file.
    pub fn start(log: &Path, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = larder();
        command.env("LARDER_CAPACITY", CAPACITY);
        configure(&mut command);
        let stderr = File::options().create(true).append(true).open(log).expect("the log can be written");
        let mut child =
            command.stdout(Stdio::piped()).stderr(stderr).stdin(Stdio::null()).spawn().expect("the binary starts");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let (sender, greeting) = channel();
        // Reads to the end, so that the process is never blocked by a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody may be listening any more.
                let _ = sender.send(line);
            }
        });
        Self { child, greeting: Mutex::new(greeting), log: log.to_owned() }
    }

    /// Waits for the line of the greeting that begins with `label`; what follows it.
    pub fn greeted(&self, label: &str) -> String {
        let greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Ok(line) = greeting.recv() {
            if let Some(rest) = line.strip_prefix(label) {
                return rest.trim().to_owned();
            }
        }
        panic!("the process ended before it said `{label}`; its log:\n{}", self.log());
    }

    /// Waits until it greets, or has ended without.
    pub fn serves(&self) -> bool {
        self.greeting.lock().unwrap_or_else(PoisonError::into_inner).recv().is_ok()
    }

    /// Waits for the end of a process that does not begin to serve; what it said.
    pub fn refused(&mut self) -> String {
        assert!(!self.serves(), "it serves; its log:\n{}", self.log());
        assert_eq!(self.wait().code(), Some(1), "{}", self.log());
        self.log()
    }

    /// What is left of the greeting, up to the end of the process.
    pub fn rest_of_greeting(&self) -> Vec<String> {
        self.greeting.lock().unwrap_or_else(PoisonError::into_inner).iter().collect()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that was logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log can be read")
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a child has an id");
        kill_process(pid, signal).expect("the child can be signalled");
    }

    /// Whether SIGSTOP has reached all of its threads, also those that were inside of the kernel.
    pub fn is_stopped(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the process has threads");
        threads.filter_map(Result::ok).all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            // The state stands behind the name, which is in brackets. A thread that is gone has none.
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child can be asked")
    }

    /// Waits for the end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("the child can be waited for")
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().expect("the child can be killed");
        self.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill();
        }
    }
}
