//! Steps as they happen: live lines on a terminal, plain lines off it, JSON lines for programs.

mod bars;
mod lines;

use std::{
    cell::{Cell, RefCell},
    io::{IsTerminal, stderr},
};

use sendstores_client::Store;
use tokio::sync::Notify;

use crate::{failure::Failure, notices::Notices, output};

use bars::Bars;
use lines::Lines;

/// Shows each change of one store.
pub(crate) struct Progress {
    kind: RefCell<Kind>,
    shown: Cell<bool>,
    failure: Cell<Option<Failure>>,
    failed: Notify,
}

enum Kind {
    Json,
    Terminal(Bars),
    Plain(Lines),
}

// === impl Progress ===

impl Progress {
    pub(crate) fn new(json: bool) -> Self {
        let kind = match (json, stderr().is_terminal()) {
            (true, _) => Kind::Json,
            (false, true) => Kind::Terminal(Bars::new()),
            (false, false) => Kind::Plain(Lines::default()),
        };
        Self { kind: RefCell::new(kind), shown: Cell::new(false), failure: Cell::new(None), failed: Notify::new() }
    }

    /// Shows the store as it is now.
    pub(crate) fn show(&self, store: &Store) {
        self.shown.set(true);
        match &mut *self.kind.borrow_mut() {
            Kind::Json => {
                if let Err(failure) = output::json_line(store) {
                    self.failure.set(Some(failure));
                    self.failed.notify_one();
                }
            }
            Kind::Terminal(bars) => bars.show(store),
            Kind::Plain(lines) => lines.show(store).iter().for_each(|line| output::note(line)),
        }
    }

    /// Where notices go that must not disturb what is shown.
    pub(crate) fn notices(&self) -> Notices {
        match &*self.kind.borrow() {
            Kind::Json => Notices::Json,
            Kind::Terminal(bars) => bars.notices(),
            Kind::Plain(_) => Notices::Plain,
        }
    }

    /// Whether anything was shown.
    pub(crate) fn shown(&self) -> bool {
        self.shown.get()
    }

    /// Comes when no more can be shown, with the reason: a reader that left shall not keep us waiting.
    pub(crate) async fn failed(&self) -> Failure {
        loop {
            self.failed.notified().await;
            if let Some(failure) = self.failure.take() {
                return failure;
            }
        }
    }

    /// Leaves the last picture standing.
    pub(crate) fn finish(&self) {
        if let Kind::Terminal(bars) = &mut *self.kind.borrow_mut() {
            bars.finish();
        }
    }
}
