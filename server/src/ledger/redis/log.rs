//! Following the log.

use std::time::Duration;

use fred::types::Value;
use sendstores_core::{
    Revision,
    ledger::{LedgerError, LogPage},
};
use tokio::time::{Instant, timeout};

use super::{
    RedisLedger, Shared, commands,
    connection::Repeat,
    history::Known,
    reply::{self, Page},
};

impl RedisLedger {
    /// Alternates a script that reads at once, and notices a replaced history, with a blocking XREAD for a slice of the wait,
    /// which does not notice it. The script is left out right after a page: the next entry names the write before it, which
    /// proves that nothing is missing.
    pub(super) async fn follow(&self, after: Revision, most: usize, wait: Duration) -> Result<LogPage, LedgerError> {
        let (deadline, most) = (Instant::now() + wait, most.max(1));
        let mut look = self.known().tip_of(after).is_none();
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            // Redis counts in milliseconds.
            let over = rest < Duration::from_millis(1);
            if look || over {
                let page = self.page(after, most).await?;
                if over || page != LogPage::Changes(Vec::new()) {
                    return Ok(page);
                }
            }
            look = true;
            let Ok(_turn) = timeout(rest, self.shared.turn.lock()).await else { continue };
            let page = self.block(after, most, rest.min(self.shared.slice)).await?;
            if page != LogPage::Changes(Vec::new()) {
                return Ok(page);
            }
        }
    }

    /// What is there now.
    async fn page(&self, after: Revision, most: usize) -> Result<LogPage, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let known = self.known();
        let tip = known.tip_of(after).unwrap_or_default();
        let names = vec![keys.meta.clone(), keys.log.clone()];
        let args = vec![after.to_string().into(), most.to_string().into(), tip.into()];
        let mut reply = self.run(Repeat::Safe, &scripts.log, names, args).await?;
        if reply.word == "compacted" {
            return Ok(LogPage::Compacted { oldest: reply.revision()? });
        }
        self.turned(reply.next()?, after, &known)
    }

    /// What comes within `slice`.
    async fn block(&self, after: Revision, most: usize, slice: Duration) -> Result<LogPage, LedgerError> {
        let Shared { keys, blocking, scripts, .. } = &*self.shared;
        let (known, begun) = (self.known(), std::time::Instant::now());
        let after_id = format!("{after}-0");
        let streams = blocking
            .call(Repeat::Safe, slice, |client| commands::xread(client, &keys.log, after_id.clone(), most, slice))
            .await;
        let streams = match streams {
            Ok(streams) => streams,
            // While nothing else is asked of Redis, this alone shows that it is away.
            failed => scripts.follow.count(begun, failed)?,
        };
        if streams == Value::Null {
            return Ok(LogPage::Changes(Vec::new()));
        }
        // One stream was asked for: its name, then its entries.
        let stream = reply::list(streams)?.into_iter().next().unwrap_or(Value::Null);
        let entries = reply::list(stream)?.into_iter().nth(1).unwrap_or(Value::Null);
        self.turned(entries, after, &known)
    }

    fn turned(&self, entries: Value, after: Revision, known: &Known) -> Result<LogPage, LedgerError> {
        let Page { page, tip } = reply::page(entries, after, known.tip_of(after), known.epoch.as_str())?;
        if let LogPage::Changes(changes) = &page
            && let Some(last) = changes.last()
        {
            self.saw(&known.epoch, last.revision);
            self.read_to(&known.epoch, last.revision, tip);
        }
        Ok(page)
    }
}
