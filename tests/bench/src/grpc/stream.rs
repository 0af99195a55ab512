//! The answers of one streaming call.

use bytes::Bytes;
use h2::{RecvStream, SendStream};

use super::{Failure, Frames, check_status, take};

/// Dropped, it ends the call.
pub(crate) struct Messages {
    body: RecvStream,
    frames: Frames,
    /// The other direction, which ends when this is gone.
    _request: SendStream<Bytes>,
}

// === impl Messages ===

impl Messages {
    pub(super) fn new(body: RecvStream, request: SendStream<Bytes>) -> Self {
        Self { body, frames: Frames::default(), _request: request }
    }

    /// The next message. The end of the stream is a failure: none of those measured ends by itself.
    pub(crate) async fn next(&mut self) -> Result<Bytes, Failure> {
        loop {
            if let Some(message) = self.frames.pop() {
                return Ok(message);
            }
            let Some(data) = self.body.data().await else {
                check_status(&self.body.trailers().await?.unwrap_or_default())?;
                return Err("the stream has ended".into());
            };
            take(&mut self.body, data?, &mut self.frames)?;
        }
    }
}
