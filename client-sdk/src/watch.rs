//! Changes as they happen.

mod event;
mod known;
mod messages;

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{Stream, future::BoxFuture};

use crate::{
    call::Opened,
    client::Client,
    error::Error,
    interruption::Interruption,
    retry::Tries,
    token::Bearer,
    v1::{StoreFilter, WatchStatusResponse},
};

pub use event::{Event, ResumeToken, WatchEvent};
use known::{Known, Report};
use messages::Messages;

/// A stream of [`WatchEvent`]s, made by [`Client::watch`](crate::Client::watch). It has every change once and in order.
///
/// When the server restarts, the connection is lost, or the server sends nothing for longer than
/// [`Builder::watch_silence`](crate::Builder::watch_silence), the stream is opened again after the last event that was read,
/// as the client's [`RetryPolicy`](crate::RetryPolicy) says. When the token of the caller has expired and its file or
/// function has another, the stream is opened with that one.
///
/// Where the history does not reach back that far, the watch reads a new snapshot and compares it with what it has reported:
/// stores that changed meanwhile are [`Event::Changed`], those that are gone [`Event::Removed`], then comes
/// [`Event::Synced`]. For this it keeps some 200 bytes of each store. An error that a repetition cannot cure is the last
/// item.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Watch {
    client: Client,
    filter: StoreFilter,
    resume_token: Option<ResumeToken>,
    state: State,
    /// What comes before the next message.
    due: VecDeque<WatchEvent>,
    /// What the reader knows from this watch; `None` while it goes on from a token, since the reader knows more then, and
    /// where nothing is repeated.
    known: Option<Known>,
    /// The interruption that goes on, or that ended without a message since.
    tries: Option<Tries>,
}

/// Where a watch is.
enum State {
    Open(Box<Messages>),
    /// Waits and opens the stream again.
    Opening(BoxFuture<'static, Result<Opened, Error>>),
    Ended,
}

/// What can make a stream go on after an error.
enum Cure {
    /// The same again, if the error is one that a repetition can cure.
    Repeat,
    /// A new snapshot.
    BeginAnew,
    /// Another token than this.
    Renew(Option<Bearer>),
}

// === impl Watch ===

impl Watch {
    pub(crate) fn new(client: Client, filter: StoreFilter, opened: Opened, token: Option<ResumeToken>) -> Self {
        // A watch that is never opened again has nothing to compare, and passes on what the server sends.
        let known = (token.is_none() && !client.settings.retry.is_none()).then(Known::default);
        let (due, tries) = (VecDeque::new(), None);
        let mut watch = Self { client, filter, resume_token: token, state: State::Ended, due, known, tries };
        watch.open(opened);
        watch
    }

    /// A watch whose token leads nowhere: `opened` begins with a snapshot.
    pub(crate) fn reset(client: Client, filter: StoreFilter, opened: Opened) -> Self {
        let mut watch = Self::new(client, filter, opened, None);
        watch.due.push_back(WatchEvent::made(Event::Reset, 0));
        watch
    }

    /// Token to go on from, right after the last event that was read. `None` until the snapshot was complete.
    pub fn resume_token(&self) -> Option<&ResumeToken> {
        self.resume_token.as_ref()
    }

    /// Takes note of a message. What is reported of it is due then; nothing if this client does not know what it
    /// says, or the reader knows it already.
    fn read(&mut self, message: WatchStatusResponse) {
        self.tries = None;
        let token = ResumeToken::present(&message.resume_token);
        let Some(WatchEvent { event, revision, resume_token }) = WatchEvent::known(message) else {
            self.resume_token = token.or_else(|| self.resume_token.take());
            return;
        };
        let report = match &mut self.known {
            Some(known) => known.report(event),
            None => Report { removed: Vec::new(), event: Some(event) },
        };
        let removed =
            report.removed.into_iter().map(|(id, uid)| WatchEvent::made(Event::Removed { id, uid }, revision));
        self.due.extend(removed);
        match report.event {
            // The token counts once the reader has the event.
            Some(event) => self.due.push_back(WatchEvent { event, revision, resume_token }),
            None => self.resume_token = token.or_else(|| self.resume_token.take()),
        }
    }

    /// Goes on after an error, or ends with it.
    fn interrupted(&mut self, error: Error) -> Option<Error> {
        let cure = self.cure(&error);
        let tries = self.tries.get_or_insert_with(|| self.client.settings.retry.tries());
        let first = !tries.any_failed();
        let delay = match cure {
            Cure::Repeat => tries.stream(&error),
            Cure::BeginAnew | Cure::Renew(_) => tries.at_once_then_later(&error),
        };
        let Some(delay) = delay else {
            self.state = State::Ended;
            return Some(error);
        };
        if first {
            self.client.observer.observe(Interruption::Began { error: &error });
        }
        match cure {
            Cure::Repeat => self.open_after(delay),
            Cure::BeginAnew => {
                self.begin_anew();
                self.open_after(delay);
            }
            Cure::Renew(sent) => self.renew_after(delay, sent, error),
        }
        None
    }

    fn cure(&self, error: &Error) -> Cure {
        match (error, &self.state) {
            // A stream that did not open has tried another token already.
            (Error::Unauthenticated(_), State::Open(messages)) if self.client.may_renew() => {
                Cure::Renew(messages.bearer().cloned())
            }
            // Without a token only a stream that was open can have this end: its reader was too slow for the snapshot.
            (Error::HistoryCompacted(_), State::Open(_)) => Cure::BeginAnew,
            (Error::HistoryCompacted(_), _) if self.resume_token.is_some() => Cure::BeginAnew,
            _ => Cure::Repeat,
        }
    }

    /// The next stream begins with a snapshot.
    fn begin_anew(&mut self) {
        self.resume_token = None;
        if self.known.is_none() {
            self.known = Some(Known::default());
            self.due.push_back(WatchEvent::made(Event::Reset, 0));
        }
    }

    fn open_after(&mut self, delay: Duration) {
        let (client, filter, token) = (self.client.clone(), self.filter.clone(), self.resume_token.clone());
        self.state = State::Opening(Box::pin(async move {
            tokio::time::sleep(delay).await;
            client.open_stream(filter, token).await
        }));
    }

    /// Opens the stream with another token than `sent`; if there is none, `refused` is the end.
    fn renew_after(&mut self, delay: Duration, sent: Option<Bearer>, refused: Error) {
        let (client, filter, token) = (self.client.clone(), self.filter.clone(), self.resume_token.clone());
        self.state = State::Opening(Box::pin(async move {
            tokio::time::sleep(delay).await;
            if client.bearer().await? == sent {
                return Err(refused);
            }
            client.open_stream(filter, token).await
        }));
    }

    fn open(&mut self, opened: Opened) {
        if let Some(tries) = &self.tries {
            self.client.observer.observe(Interruption::Ended { after: tries.elapsed() });
        }
        if let (None, Some(known)) = (&self.resume_token, &mut self.known) {
            known.begin_snapshot();
        }
        self.state = State::Open(Box::new(Messages::new(opened, self.client.settings.watch_silence)));
    }
}

impl Stream for Watch {
    type Item = Result<WatchEvent, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(event) = this.due.pop_front() {
                if let Some(token) = &event.resume_token {
                    this.resume_token = Some(token.clone());
                }
                return Poll::Ready(Some(Ok(event)));
            }
            let error = match &mut this.state {
                State::Ended => return Poll::Ready(None),
                State::Opening(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(opened) => {
                        this.open(opened);
                        continue;
                    }
                    Err(error) => error,
                },
                State::Open(messages) => match ready!(messages.poll_next(cx)) {
                    Ok(message) => {
                        this.read(message);
                        continue;
                    }
                    Err(error) => error,
                },
            };
            if let Some(error) = this.interrupted(error) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Open(_) => "open",
            State::Opening(_) => "interrupted",
            State::Ended => "ended",
        };
        f.debug_struct("Watch").field("state", &state).field("resume_token", &self.resume_token).finish_non_exhaustive()
    }
}
