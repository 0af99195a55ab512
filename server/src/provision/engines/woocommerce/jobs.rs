//! What a shop has scheduled is done when a client asks for one address of it; the store image has visitors not do so.

use sendstores_core::{Store, failure::FailureReason, provisioner::StepError};

use super::{APPLICATION, deadlines, storefront::words};
use crate::provision::{
    Context,
    proxy::{Answer, Question, Reply},
    reach, redact,
};

/// The query says that WordPress' own lock is not held for us: it takes it by itself, and answers at once if another
/// call is still at work.
const ADDRESS: &str = "/wp-cron.php?doing_wp_cron";

pub(crate) async fn run(context: &Context, store: &Store) -> Result<(), StepError> {
    ask(context, store).await?.map_err(|why| StepError::retryable(FailureReason::StorefrontUnavailable, why))
}

/// The same; what is wrong with the shop is described in words.
pub(crate) async fn ask(context: &Context, store: &Store) -> Result<Result<(), String>, StepError> {
    let reply =
        reach::ask(context, store, Question::get(APPLICATION.name, ADDRESS), context.deadlines.of(deadlines::CRON))
            .await?;
    Ok(judge(&reply))
}

/// The answer comes when everything due is done, and is empty.
fn judge(reply: &Reply) -> Result<(), String> {
    Err(match reply {
        Reply::Shop(Answer { status: 200, .. }) => return Ok(()),
        Reply::Shop(answer) => {
            redact::message(&format!("wp-cron.php: status {}: {}", answer.status, words::of(&answer.body)))
        }
        Reply::Unreachable(why) => why.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile;

    fn answered(status: u16) -> Reply {
        Reply::Shop(Answer { status, headers: Default::default(), body: "password=S3cret".into() })
    }

    #[test]
    fn only_200_is_a_run() {
        assert_eq!(judge(&answered(200)), Ok(()));
        for reply in [answered(302), answered(500), Reply::Unreachable("no endpoints".to_owned())] {
            let why = judge(&reply).expect_err("no run");
            assert!(!why.contains("S3cret"), "{why}");
        }
    }

    #[test]
    fn no_answer_ends_anything() {
        hostile::check(&hostile::body(serde_json::json!("password=S3cret")), |body| {
            let why = judge(&Reply::Shop(Answer { status: 500, headers: Default::default(), body: body.into() }));
            hostile::assert_fit(&why.expect_err("no run"), redact::LONGEST);
        });
    }
}
