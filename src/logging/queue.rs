//! The way of lines from those who log, the loop among them, to the one thread that writes them.
//!
//! It is bounded in bytes, as memory is what a stalled disk may not eat, and a line may have any
//! length. What does not fit is dropped and counted. The lock is held to copy a line in or to
//! take all out at once, never while anything is written; and as lines are let gather for a
//! moment before they are taken, hardly any line has to wake the thread.

use super::line::{self, Stamp};
use chrono::{DateTime, Local};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that wait at most: seconds of a busy tracker at the level debug.
const ROOM: usize = 4 * 1024 * 1024;
/// So long lines gather.
const GATHERING: Duration = Duration::from_millis(50);

/// Lines, and orders for the thread that writes them.
#[derive(Debug, Default)]
pub struct Queue<O> {
    state: Mutex<State<O>>,
    /// For the writing thread: there is something to do.
    work: Condvar,
    /// For those who wait until all is written: it may be.
    rest: Condvar,
}

#[derive(Debug, Default)]
struct State<O> {
    lines: String,
    lost: Option<Lost>,
    orders: O,
    /// The writing thread shall not wait now.
    hurry: bool,
    /// What it has in hand is not written yet.
    writing: bool,
    /// It could not write what it has in hand.
    stuck: bool,
}

impl<O> State<O> {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.lost.is_none()
    }
}

/// Lines that there was no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub lines: u64,
    /// When the first of them came.
    pub since: DateTime<Local>,
}

impl Lost {
    /// Adds a line that tells of them.
    pub fn tell(&self, lines: &mut String, now: &DateTime<Local>, reason: &str) {
        let (count, since) = (self.lines, Stamp(&self.since));
        let text = format_args!("{count} log lines were lost since {since}: {reason}");
        line::add(lines, now, "warning", text);
    }
}

/// What [`Queue::next`] brings besides lines.
#[derive(Debug)]
pub struct News<O> {
    /// The lines that would come behind those taken.
    pub lost: Option<Lost>,
    /// Given with [`Queue::order`] since the last time.
    pub orders: O,
}

impl<O: Default> Queue<O> {
    /// Adds a whole line, if there is room.
    pub fn push(&self, line: &str, time: &DateTime<Local>) {
        let mut state = self.state();
        // A shorter line that would still fit may not slip in where others are missing.
        if state.lost.is_some() || state.lines.len() + line.len() > ROOM {
            let is_first = state.lost.is_none();
            let lost = state.lost.get_or_insert(Lost {
                lines: 0,
                since: *time,
            });
            lost.lines += 1;
            drop(state);
            if is_first {
                self.work.notify_one();
            }
            return;
        }
        let before = state.lines.len();
        state.lines.push_str(line);
        let (half, now) = (ROOM / 2, state.lines.len());
        drop(state);
        if before == 0 || (before < half && now >= half) {
            self.work.notify_one();
        }
    }

    /// Tells the writing thread something, which it hears at once if it is not writing.
    pub fn order(&self, give: impl FnOnce(&mut O)) {
        let mut state = self.state();
        give(&mut state.orders);
        state.hurry = true;
        drop(state);
        self.work.notify_one();
    }

    /// Waits until all lines are written, as long as they can be and no longer than this.
    pub fn flush(&self, limit: Duration) {
        let mut state = self.state();
        state.hurry = true;
        state.stuck = false;
        self.work.notify_one();
        let wait = self.rest.wait_timeout_while(state, limit, |state| {
            (state.writing || !state.is_empty()) && !state.stuck
        });
        drop(wait);
    }

    /// Waits for lines or orders, and no longer than `patience`. Only if nothing is left in hand
    /// are lines taken.
    pub fn next(&self, hand: &mut String, patience: Duration) -> News<O> {
        let is_free = hand.is_empty();
        let mut state = self.state();
        state.writing = !is_free;
        state.stuck = !is_free;
        self.rest.notify_all();
        state = self.wait(state, patience, |state| !is_free || state.is_empty());
        if is_free && !state.is_empty() {
            let gathering = |state: &State<O>| state.lost.is_none() && state.lines.len() < ROOM / 2;
            state = self.wait(state, GATHERING, gathering);
        }
        state.hurry = false;
        let mut lost = None;
        if is_free {
            std::mem::swap(hand, &mut state.lines);
            lost = state.lost.take();
            state.writing = !hand.is_empty() || lost.is_some();
        }
        News {
            lost,
            orders: std::mem::take(&mut state.orders),
        }
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State<O>>,
        limit: Duration,
        mut idle: impl FnMut(&State<O>) -> bool,
    ) -> MutexGuard<'a, State<O>> {
        let waited = self
            .work
            .wait_timeout_while(state, limit, |state| !state.hurry && idle(state));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Nobody panics while holding the lock; and if, lines are still lines.
    fn state(&self) -> MutexGuard<'_, State<O>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    const LONG: Duration = Duration::from_secs(20);
    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn lines_come_out_together_and_in_order() {
        let queue = Queue::<()>::default();
        let now = Local::now();
        queue.push("a\n", &now);
        queue.push("b\n", &now);
        let mut hand = String::new();
        assert_eq!(queue.next(&mut hand, LONG).lost, None);
        assert_eq!(hand, "a\nb\n");
        queue.push("c\n", &now);
        assert_eq!(queue.next(&mut hand, AT_ONCE).lost, None);
        assert_eq!(hand, "a\nb\n", "what is in hand comes first");
        hand.clear();
        queue.next(&mut hand, LONG);
        assert_eq!(hand, "c\n");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_told_where_it_is_missing() {
        let queue = Queue::<()>::default();
        let now = Local::now();
        let line = format!("{}\n", "x".repeat(ROOM / 4 - 1));
        for _ in 0..6 {
            queue.push(&line, &now);
        }
        queue.push("short\n", &Local::now());
        let mut hand = String::new();
        let lost = queue.next(&mut hand, LONG).lost;
        assert_eq!(hand.len(), ROOM);
        assert_eq!(
            lost,
            Some(Lost {
                lines: 3,
                since: now
            })
        );
        // One too long by itself does not stop those behind it for good.
        hand.clear();
        queue.push(&"x".repeat(ROOM + 1), &now);
        let lost = queue.next(&mut hand, LONG).lost;
        assert_eq!((hand.as_str(), lost.map(|lost| lost.lines)), ("", Some(1)));
        queue.push("short\n", &now);
        queue.next(&mut hand, LONG);
        assert_eq!(hand, "short\n");
    }

    #[test]
    fn orders_do_not_wait_for_lines() {
        let queue = Queue::<u8>::default();
        queue.order(|orders| *orders = 7);
        let mut hand = String::new();
        assert_eq!(queue.next(&mut hand, LONG).orders, 7);
        assert_eq!(queue.next(&mut hand, AT_ONCE).orders, 0);
    }

    #[test]
    fn a_flush_ends_when_all_is_written_or_cannot_be() {
        let queue = Arc::new(Queue::<()>::default());
        queue.flush(LONG);
        queue.push("a\n", &Local::now());
        queue.flush(AT_ONCE);
        let other = queue.clone();
        let writer = thread::spawn(move || {
            let mut hand = String::new();
            other.next(&mut hand, LONG);
            let written = std::mem::take(&mut hand);
            other.next(&mut hand, LONG);
            // This one cannot be written.
            other.next(&mut hand, LONG);
            (written, hand)
        });
        queue.flush(LONG);
        queue.push("b\n", &Local::now());
        queue.flush(LONG);
        queue.order(|()| {});
        let written = writer.join().unwrap();
        assert_eq!(written, ("a\n".to_owned(), "b\n".to_owned()));
    }
}
