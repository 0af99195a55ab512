//! Whose a token is: the API server says it (TokenReview).

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::api::PostParams;

use super::{KubeProvisioner, errors::CallError};

// === impl KubeProvisioner ===

impl KubeProvisioner {
    /// The name of the user whose token this is, if the API server takes it for `audience`. `None`: it does not.
    ///
    /// # Errors
    /// The API server gives no answer, or refuses the question.
    pub async fn review_token(&self, token: &str, audience: &str) -> Result<Option<String>, String> {
        let cluster = &self.context.cluster;
        let spec = TokenReviewSpec { audiences: Some(vec![audience.to_owned()]), token: Some(token.to_owned()) };
        let review = TokenReview { spec, ..TokenReview::default() };
        let api = cluster.all::<TokenReview>();
        let (how, asked) = (PostParams::default(), review);
        let answer =
            cluster.call_beside(api.create(&how, &asked)).await.map_err(|error: CallError| error.to_string())?;
        Ok(user(answer.status.unwrap_or_default(), audience))
    }
}

/// An API server that knows no audiences names none in its answer: then the token may be for anybody.
fn user(status: TokenReviewStatus, audience: &str) -> Option<String> {
    let TokenReviewStatus { authenticated, audiences, user, error: _ } = status;
    let is_for_us = audiences.is_some_and(|audiences| audiences.iter().any(|one| one == audience));
    user.filter(|_| authenticated == Some(true) && is_for_us)?.username
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::provision::fake_api;

    /// What the API says of a token, and what it was asked.
    async fn review(code: u16, status: Value) -> (Result<Option<String>, String>, Vec<String>) {
        let kind = json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1"});
        let answer = move |_: &str| match code {
            201 => {
                let mut answer = kind.clone();
                answer["metadata"] = json!({});
                answer["spec"] = json!({});
                answer["status"] = status.clone();
                (201, answer)
            }
            code => fake_api::refused(code, "Forbidden"),
        };
        let (context, requests) = fake_api::context(answer);
        (KubeProvisioner { context }.review_token("a.b.c", "sendstores").await, requests.all())
    }

    #[tokio::test]
    async fn only_a_token_for_this_audience_has_a_user() {
        let user = json!({"username": "system:serviceaccount:shop:ci"});
        let (said, asked) =
            review(201, json!({"authenticated": true, "audiences": ["sendstores"], "user": user})).await;
        assert_eq!(said, Ok(Some("system:serviceaccount:shop:ci".to_owned())));
        let [line] = &asked[..] else { panic!("one request: {asked:?}") };
        assert!(line.starts_with("POST /apis/authentication.k8s.io/v1/tokenreviews"), "{line}");
        let body: Value = serde_json::from_str(&line[line.find('{').expect("a body")..]).expect("JSON");
        assert_eq!(body["spec"], json!({"audiences": ["sendstores"], "token": "a.b.c"}));
        for status in [
            json!({"authenticated": false, "error": "expired"}),
            json!({"authenticated": false, "audiences": ["sendstores"], "user": user}),
            json!({"authenticated": true, "user": user}),
            json!({"authenticated": true, "audiences": ["kubernetes"], "user": user}),
            json!({"authenticated": true, "audiences": ["sendstores"]}),
            json!({}),
        ] {
            assert_eq!(review(201, status.clone()).await.0, Ok(None), "{status}");
        }
    }

    #[tokio::test]
    async fn a_refused_question_is_no_refused_token() {
        for code in [403, 404, 500] {
            assert!(review(code, json!({})).await.0.is_err(), "{code}");
        }
    }
}
