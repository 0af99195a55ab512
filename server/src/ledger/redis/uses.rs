//! When tokens were used last: a hash beside the log, because nothing depends on it and a change in the log would be sent to every
//! replica.

use std::time::Duration;

use fred::types::Value;
use sendstores_core::{Kind, ResourceId, Timestamp, TokenId, ledger::LedgerError};

use super::{
    RedisLedger, Shared, commands,
    connection::Repeat,
    keys::Keys,
    reply::{self, unexpected},
};

// === impl RedisLedger ===

impl RedisLedger {
    pub(super) async fn keep_uses(
        &self,
        uses: &[(TokenId, Timestamp)],
        coarse: Duration,
    ) -> Result<Vec<Option<Timestamp>>, LedgerError> {
        let Shared { keys, scripts, .. } = &*self.shared;
        let names = vec![keys.meta.clone(), keys.uses.clone(), keys.of(Kind::Token).records.clone()];
        let mut args: Vec<Value> = vec![coarse.as_micros().to_string().into(), Keys::before_claim(Kind::Token).into()];
        for (id, time) in uses {
            args.extend([id.as_str().into(), Value::from(time.as_micros().to_string())]);
        }
        let mut reply = self.run(Repeat::Safe, &scripts.used, names, args).await?;
        times(reply.next()?, uses.len())
    }

    pub(super) async fn read_uses(&self, tokens: &[TokenId]) -> Result<Vec<Option<Timestamp>>, LedgerError> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let Shared { keys, commands, .. } = &*self.shared;
        let fields: Vec<_> = tokens.iter().map(|id| Keys::claim(&id.key())).collect();
        let fields: Vec<_> = fields.iter().map(String::as_str).collect();
        let read = |client| commands::hmget(client, &keys.uses, &fields);
        times(commands.next().call(Repeat::Safe, Duration::ZERO, read).await?, tokens.len())
    }
}

/// Nothing, or an empty text: there is none.
fn times(value: Value, wanted: usize) -> Result<Vec<Option<Timestamp>>, LedgerError> {
    let times: Vec<_> = reply::list(value)?.into_iter().map(time).collect::<Result<_, _>>()?;
    if times.len() == wanted { Ok(times) } else { Err(unexpected("another number of times")) }
}

fn time(value: Value) -> Result<Option<Timestamp>, LedgerError> {
    if matches!(value, Value::Null) {
        return Ok(None);
    }
    match reply::text(Some(value))?.as_str() {
        "" => Ok(None),
        text => text.parse().map(|micros| Some(Timestamp::from_micros(micros))).map_err(|_| unexpected("no time")),
    }
}
