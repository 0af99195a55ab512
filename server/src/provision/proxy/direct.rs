//! Requests to the running shop over the pod network, for a control plane that runs in the same cluster.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sendstores_core::{Store, provisioner::StepError, text::with_causes};

use super::{Answer, MAX_BODY, Question, Reply, with_headers};
use crate::provision::redact;

/// Finding and reaching the Service.
const REACH: Duration = Duration::from_secs(5);

/// Asks shops by the name of their Service.
#[derive(Clone)]
pub(crate) struct Direct(Client<HttpConnector, Full<Bytes>>);

// === impl Direct ===

impl Direct {
    pub(crate) fn new() -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(REACH));
        // The shop's Apache keeps no connection open.
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(tcp))
    }

    pub(super) async fn ask(&self, store: &Store, question: Question<'_>, limit: Duration) -> Result<Reply, StepError> {
        self.ask_at(&address(store, question.service), store, question, limit).await
    }

    async fn ask_at(
        &self,
        base: &str,
        store: &Store,
        question: Question<'_>,
        limit: Duration,
    ) -> Result<Reply, StepError> {
        let (request, body) = with_headers(Request::builder().uri(format!("{base}{}", question.path)), store, question);
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| super::unbuilt(&error))?;
        let exchange = async {
            let (head, body) = self.0.request(request).await?.into_parts();
            let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
            })
        };
        Ok(match tokio::time::timeout(limit, exchange).await {
            Err(_) => Reply::Unreachable(format!("no answer within {limit:?}")),
            Ok(Err(error)) => Reply::Unreachable(redact::message(&with_causes(error.as_ref()))),
            Ok(Ok(answer)) => Reply::Shop(answer),
        })
    }
}

fn address(store: &Store, service: &str) -> String {
    format!("http://{service}.{}.svc", store.id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::provision::steps::fixtures;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_shop_is_found_by_its_service() {
        assert_eq!(address(&fixtures::store(), "wordpress"), "http://wordpress.store-test0001.svc");
    }

    #[tokio::test]
    async fn the_shop_is_asked_by_the_scheme_of_its_public_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut store = fixtures::store();
        store.url = "https://shop.example.com".to_owned();
        let question = Question {
            service: "wordpress",
            method: http::Method::POST,
            path: "/cart?a=b",
            headers: vec![("cart-token", "t")],
            body: Some(json!({"id": 1})),
        };
        let serve = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"{\"id\":1}") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nlate").await.unwrap();
            String::from_utf8(request).unwrap().to_ascii_lowercase()
        };
        let direct = Direct::new();
        let (reply, request) = tokio::join!(direct.ask_at(&base, &store, question, LIMIT), serve);
        let Reply::Shop(answer) = reply.unwrap() else { panic!("the shop has answered") };
        assert_eq!((answer.status, &answer.body[..]), (503, &b"late"[..]), "it is the shop's own answer");
        assert!(request.starts_with("post /cart?a=b http/1.1\r\n"), "{request}");
        for header in ["x-forwarded-proto: https", "cart-token: t", "content-type: application/json"] {
            assert!(request.contains(&format!("{header}\r\n")), "{header} is missing in {request}");
        }
        // The listener is gone.
        let reply = direct.ask_at(&base, &store, Question::get("wordpress", "/"), LIMIT).await.unwrap();
        assert!(matches!(&reply, Reply::Unreachable(why) if why.contains("refused")), "{reply:?}");
    }
}
