//! Whether the shop does what it has scheduled, as it says itself: its image notes when a run has come to its end.
//!
//! A shop whose last run is too long ago is asked for one, as every shop is before its first READY, and probed again. So a
//! shop differs from one that was not asked, such as after an hour without a control plane.

use std::time::Duration;

use sendstores_core::{Store, provisioner::StepError};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    super::{deadlines, jobs},
    get,
    judge::{self, Finding},
};
use crate::provision::{Context, proxy::Reply};

/// The image answers here without WordPress.
const ADDRESS: &str = "/cronz.php";
/// A run that is at work cannot be watched; so long it is left alone before the shop is probed again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What a shop says of its last run.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LastRun {
    Ago(Duration),
    Never,
    /// An image from before there was such an answer.
    Untold,
}

#[derive(Deserialize)]
struct Told {
    age: Option<u64>,
}

/// What it says by itself; `None` where it says nothing, or where the operator has something else ask the shops.
pub(super) async fn quick_probe(context: &Context, store: &Store) -> Result<Option<Finding>, StepError> {
    let Some(period) = period(context) else { return Ok(None) };
    Ok(match last_run(&get(context, store, ADDRESS).await?) {
        Ok(LastRun::Untold) => None,
        Ok(last) => Some(judge_run(&last, period)),
        Err(why) => Some(Err(why)),
    })
}

/// The same, after a run that was asked for where the last is too long ago.
pub(super) async fn probe(context: &Context, store: &Store) -> Result<Option<Finding>, StepError> {
    let Some(period) = period(context) else { return Ok(None) };
    let until = Instant::now() + context.deadlines.of(deadlines::CRON);
    let mut asked = false;
    loop {
        let last = match last_run(&get(context, store, ADDRESS).await?) {
            Ok(last) => last,
            Err(why) => return Ok(Some(Err(why))),
        };
        let finding = judge_run(&last, period);
        let settled = if last == LastRun::Untold { asked } else { finding.is_ok() };
        if settled || asked && Instant::now() >= until {
            return Ok(Some(finding));
        }
        if asked {
            sleep(LOOK_AGAIN).await;
        }
        // Where another run is at work, this is answered at once.
        let permit = context.requests.acquire(store).await;
        let asked_for = jobs::ask(context, store).await?;
        drop(permit);
        if let Err(why) = asked_for {
            return Ok(Some(Err(why)));
        }
        asked = true;
    }
}

/// One turn may be missed.
fn period(context: &Context) -> Option<Duration> {
    context.cron_interval.map(|interval| interval * 2)
}

fn last_run(reply: &Reply) -> Result<LastRun, String> {
    if matches!(reply, Reply::Shop(answer) if answer.status == 404) {
        return Ok(LastRun::Untold);
    }
    let answer = judge::answered(reply, 200)?;
    let told: Told =
        serde_json::from_slice(&answer.body).map_err(|error| format!("{ADDRESS} says nothing: {error}"))?;
    Ok(told.age.map_or(LastRun::Never, |seconds| LastRun::Ago(Duration::from_secs(seconds))))
}

fn judge_run(last: &LastRun, period: Duration) -> Finding {
    let within = humantime::format_duration(period);
    match last {
        LastRun::Ago(age) if *age <= period => {
            Ok(format!("what is scheduled is done: the last run is no more than {within} ago"))
        }
        LastRun::Ago(_) => Err(format!(
            "what is scheduled is not done: wp-cron.php answers, but no run came to its end for more than {within}"
        )),
        LastRun::Never => {
            Err("what is scheduled is not done: wp-cron.php answers, but no run comes to its end".to_owned())
        }
        LastRun::Untold => {
            Ok("wp-cron.php answers; the store's image does not say when it last did what is scheduled".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::{hostile, provision::proxy::Answer};

    fn answered(status: u16, body: &str) -> Reply {
        Reply::Shop(Answer { status, headers: HeaderMap::new(), body: body.to_owned().into() })
    }

    #[test]
    fn a_shop_says_when_it_last_ran() {
        assert_eq!(last_run(&answered(200, r#"{"age":61}"#)), Ok(LastRun::Ago(Duration::from_secs(61))));
        assert_eq!(last_run(&answered(200, r#"{"age":null}"#)), Ok(LastRun::Never));
        assert_eq!(last_run(&answered(404, "<html>")), Ok(LastRun::Untold));
        for (status, body, why) in [
            (503, "database: not reachable", "status 503"),
            (200, "<html>", "says nothing"),
            (200, r#"{"age":-1}"#, "says nothing"),
        ] {
            let refused = last_run(&answered(status, body)).expect_err(body);
            assert!(refused.contains(why), "{refused}");
        }
        assert!(last_run(&Reply::Unreachable("no endpoints".to_owned())).is_err());
    }

    #[test]
    fn the_same_finding_reads_the_same() {
        let judged = |seconds| judge_run(&LastRun::Ago(Duration::from_secs(seconds)), Duration::from_secs(120));
        assert!(judged(0).is_ok_and(|text| text.ends_with("no more than 2m ago")));
        assert_eq!(judged(0), judged(120));
        assert!(judged(121).is_err_and(|text| text.contains("more than 2m")));
        assert_eq!(judged(121), judged(4000));
    }

    #[test]
    fn no_answer_of_a_shop_ends_anything() {
        hostile::check(&hostile::body(serde_json::json!({"age": 61})), |body| {
            let reply = Reply::Shop(Answer { status: 200, headers: HeaderMap::new(), body: body.into() });
            if let Ok(last) = last_run(&reply) {
                let _found = judge_run(&last, Duration::from_secs(120));
            }
        });
    }
}
