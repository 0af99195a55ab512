//! A watcher that writes down all it sees, and goes on wherever it is sent.

use futures::StreamExt;
use sendstores_client::{Client, Error, ResumeToken, Watch, v1 as wire};

use crate::wait::within;

use super::{Entry, Filter, Message, Stream, Watcher, due, token};

/// Records one watcher over all its connections.
pub struct Recorder {
    watcher: Watcher,
    /// To go on from; none until a snapshot was complete.
    token: Option<ResumeToken>,
}

// === impl Recorder ===

impl Recorder {
    pub fn new(name: impl Into<String>, filter: Filter) -> Self {
        let watcher = Watcher { name: name.into(), filter, streams: Vec::new(), until: 0 };
        Self { watcher, token: None }
    }

    /// Opens the next stream where the last one ended, and records until `enough`. What was recorded before an error
    /// stays; an error is an end like any other. Heartbeats go on for ever: the deadline is the caller's.
    pub async fn watch(&mut self, client: &Client, enough: impl FnMut(&Message) -> bool) -> Result<(), Error> {
        let mut watch = self.open(client).await?;
        self.read(&mut watch, enough).await
    }

    /// Opens the next stream where the last one ended.
    pub async fn open(&mut self, client: &Client) -> Result<Watch, Error> {
        let filter = wire::StoreFilter::from(&self.watcher.filter);
        let watch = match &self.token {
            Some(token) => client.watch_from(filter, token.clone()).await?,
            None => client.watch(filter).await?,
        };
        self.watcher.streams.push(Stream { from: self.token.as_ref().map(token), messages: Vec::new() });
        Ok(watch)
    }

    /// Records what the stream that was opened last tells, until `enough` or its end. Without a deadline, as `watch`.
    pub async fn read(&mut self, watch: &mut Watch, mut enough: impl FnMut(&Message) -> bool) -> Result<(), Error> {
        while let Some(event) = watch.next().await {
            let event = event?;
            let message = Message::from(&event);
            if event.resume_token.is_some() {
                self.token = event.resume_token;
            }
            let done = enough(&message);
            self.watcher.streams.last_mut().expect("opened").messages.push(message);
            if done {
                break;
            }
        }
        Ok(())
    }

    /// Watches until everything in `log` that its filter means has been seen; fails if that takes too long.
    pub async fn watch_all(&mut self, client: &Client, log: &[Entry]) -> Result<(), Error> {
        let last = self.watcher.filter.last_due(log);
        let seen = async {
            while !self.has_seen(last) {
                self.watch(client, |message| message.revision >= last && message.token.is_some()).await?;
            }
            Ok::<_, Error>(())
        };
        within("everything in the log to be seen", seen).await?;
        self.watcher.until = log.last().map_or(0, |entry| entry.revision);
        Ok(())
    }

    /// Reads on the stream that was opened last until everything in `log` that its filter means has been seen; fails if that
    /// takes too long.
    pub async fn read_all(&mut self, watch: &mut Watch, log: &[Entry]) -> Result<(), Error> {
        let last = self.watcher.filter.last_due(log);
        if !self.has_seen(last) {
            let seen = self.read(watch, |message| message.revision >= last && message.token.is_some());
            within("everything in the log to be seen", seen).await?;
        }
        self.watcher.until = log.last().map_or(0, |entry| entry.revision);
        Ok(())
    }

    /// Begins anew with the next stream, as who was told that its place is lost.
    pub fn forget_token(&mut self) {
        self.token = None;
    }

    /// What was recorded so far.
    pub fn watcher(&self) -> &Watcher {
        &self.watcher
    }

    /// The recording.
    pub fn finish(self) -> Watcher {
        self.watcher
    }

    pub fn token(&self) -> Option<&ResumeToken> {
        self.token.as_ref()
    }

    fn has_seen(&self, revision: u64) -> bool {
        self.token.as_ref().is_some_and(|known| token(known).revision >= revision)
    }
}

// === impl Filter ===

impl Filter {
    /// The last revision of the log that a watcher is told of.
    fn last_due(&self, log: &[Entry]) -> u64 {
        let log = log.iter().map(|entry| (entry.revision, entry)).collect();
        due(self, &log).into_keys().next_back().unwrap_or(0)
    }
}
