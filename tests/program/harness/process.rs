//! Child processes that never outlive their test.

use super::{wait_until, wait_until_within};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A child process; dropping it kills it.
pub struct Process(Child);

impl Process {
    /// Starts a command, which must be installed.
    pub fn start(command: &mut Command) -> Self {
        Self::start_with_input(command, Stdio::null())
    }

    /// Starts a command that reads `input`.
    pub fn start_with_input(command: &mut Command, input: impl Into<Stdio>) -> Self {
        let child = command.stdin(input).spawn();
        Self(child.unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program())))
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id().cast_signed()), signal).expect("the process runs");
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it is our child")
    }

    /// Waits for it to end by itself.
    pub fn wait_for_exit(&mut self, limit: Duration) -> ExitStatus {
        let mut status = None;
        wait_until_within(limit, "the process to end", || {
            status = self.ended();
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The outcome of a `btrt` command that ends by itself.
pub struct Run {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Run {
    pub fn of(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_btrt"));
        let mut process = Process::start(
            command
                .args(arguments)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let mut status = None;
        wait_until(&format!("btrt {arguments:?} to end"), || {
            status = process.ended();
            status.is_some()
        });
        let (mut output, mut errors) = (String::new(), String::new());
        let child = process.child();
        let (stdout, stderr) = (
            child.stdout.take().expect("piped"),
            child.stderr.take().expect("piped"),
        );
        { stdout }
            .read_to_string(&mut output)
            .expect("what is printed is text");
        { stderr }
            .read_to_string(&mut errors)
            .expect("what is printed is text");
        Self {
            code: status.and_then(|status| status.code()),
            output,
            errors,
        }
    }
}
