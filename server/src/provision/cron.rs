//! What a shop has scheduled is done when somebody asks for one address of it; the store image has visitors not do so.

use sendstores_core::{Store, failure::FailureReason, provisioner::StepError};

use super::{
    Context,
    proxy::{self, Answer, Question, Reply},
    redact,
};

/// The query says that nobody holds WordPress' own lock for us: it takes it by itself, and answers at once if another
/// call is still at work.
const ADDRESS: &str = "/wp-cron.php?doing_wp_cron";

pub(crate) async fn run(context: &Context, store: &Store) -> Result<(), StepError> {
    judge(&proxy::ask(&context.cluster, store, Question::get(ADDRESS), context.deadlines.cron).await?)
}

/// The answer comes when everything due is done, and is empty.
fn judge(reply: &Reply) -> Result<(), StepError> {
    let why = match reply {
        Reply::Shop(Answer { status: 200, .. }) => return Ok(()),
        Reply::Shop(answer) => {
            let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).into_owned();
            redact::message(&format!("wp-cron.php answered {}: {body}", answer.status))
        }
        Reply::Unreachable(why) => why.clone(),
    };
    Err(StepError::retryable(FailureReason::StorefrontUnavailable, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16) -> Reply {
        Reply::Shop(Answer { status, headers: Default::default(), body: "password=S3cret".into() })
    }

    #[test]
    fn only_200_is_a_run() {
        assert_eq!(judge(&answered(200)), Ok(()));
        for reply in [answered(302), answered(500), Reply::Unreachable("no endpoints".to_owned())] {
            let error = judge(&reply).expect_err("no run");
            assert_eq!(error.reason, FailureReason::StorefrontUnavailable);
            assert!(!error.message.contains("S3cret"), "{error}");
        }
    }
}
