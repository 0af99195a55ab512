//! The messages of one stream, and when their silence is its end.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;
use tokio::time::{Instant, Sleep};
use tonic::{Status, Streaming};

use crate::{call::Opened, connections::Place, error::Error, token::Bearer, v1::WatchStatusResponse};

/// The messages of one stream that the server has accepted. A proxy may answer pings for a server that is gone, so only the
/// server's own messages show that it is alive: it sends a heartbeat when nothing else was sent for 10 s.
pub(super) struct Messages {
    stream: Streaming<WatchStatusResponse>,
    bearer: Option<Bearer>,
    _place: Place,
    silence: Duration,
    last: Instant,
    /// Wakes no earlier than the end of a silence that began with the last message but one.
    timer: Pin<Box<Sleep>>,
}

// === impl Messages ===

impl Messages {
    pub(super) fn new(opened: Opened, silence: Duration) -> Self {
        let Opened { messages, bearer, place } = opened;
        let timer = Box::pin(tokio::time::sleep(silence));
        Self { stream: messages, bearer, _place: place, silence, last: Instant::now(), timer }
    }

    /// The token that the stream was opened with.
    pub(super) fn bearer(&self) -> Option<&Bearer> {
        self.bearer.as_ref()
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<WatchStatusResponse, Error>> {
        match Pin::new(&mut self.stream).poll_next(cx) {
            Poll::Ready(Some(Ok(message))) => {
                self.last = Instant::now();
                return Poll::Ready(Ok(message));
            }
            Poll::Ready(Some(Err(status))) => return Poll::Ready(Err(status.into())),
            // A server ends a stream with a status; without one, something between it and us did.
            Poll::Ready(None) => {
                return Poll::Ready(Err(broken("the stream of changes ended without a reason".to_owned())));
            }
            Poll::Pending => {}
        }
        // A reader that was busy finds here what came meanwhile; so nothing came in all this time.
        while self.timer.as_mut().poll(cx).is_ready() {
            let Some(end) = self.last.checked_add(self.silence).filter(|end| *end > Instant::now()) else {
                return Poll::Ready(Err(broken(format!("the server sent nothing for {:?}", self.silence))));
            };
            self.timer.as_mut().reset(end);
        }
        Poll::Pending
    }
}

fn broken(what: String) -> Error {
    Error::transport(Status::unavailable(what))
}
