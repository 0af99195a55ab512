//! A store is deleted only after a human has typed its id.
//!
//! An assistant may be misled by a text that it reads. So the answer does not come from it: its client asks the human, and the
//! server compares. What goes to the client in between is sealed: it belongs to one caller and one store, for five minutes, and
//! has the request id of the deletion, so that a second use has no second effect.

use std::time::Duration;

use rmcp::model::{
    ElicitRequest, ElicitRequestParams, InputRequest, InputRequests, InputRequiredResult, InputResponses,
    ProtocolVersion, RequestStateCodec, SealOptions,
};
use rmcp::{RoleServer, service::RequestContext};
use sendstores_client::Store;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{render, tools::Trouble, untrusted::clean};

/// How long a human has to answer.
const ANSWER: Duration = Duration::from_secs(5 * 60);

/// The name of the question.
const QUESTION: &str = "confirm";

/// Seals what waits for an answer. The key is of this process: an answer that comes after its end is asked for again.
pub(crate) struct Gate(RequestStateCodec);

/// A deletion that waits for an answer.
#[derive(Debug, Deserialize, Serialize)]
struct Pending {
    request_id: String,
}

// === impl Gate ===

impl Gate {
    pub(crate) fn new() -> Self {
        // As long as the digest, which is what the checked constructor asks for.
        Self(RequestStateCodec::new_unchecked(rand::random::<[u8; 32]>().to_vec()))
    }

    /// Asks for the id of the store.
    pub(crate) fn ask(&self, bound: &Bound<'_>, store: &Store) -> Result<InputRequiredResult, Trouble> {
        let pending = Pending { request_id: Uuid::new_v4().to_string() };
        let bytes = bound.bytes();
        let options = SealOptions::new().associated_data(&bytes).ttl(ANSWER);
        let sealed = self
            .0
            .seal_json_with(&pending, &options)
            .map_err(|_| Trouble::refused("the question could not be made"))?;
        let title = clean(render::title(store)).replace(['\n', '\t'], " ");
        let message = format!(
            "Delete the store {} (\"{title}\", {}) with its shop, its orders and its files? This cannot be undone. Type its id to \
             delete it.",
            store.id,
            render::state(store)
        );
        let schema = json!({
            "type": "object",
            "properties": {"id": {"type": "string", "title": "Id of the store", "maxLength": 40}},
            "required": ["id"]
        });
        let requested_schema = serde_json::from_value(schema).map_err(|why| Trouble::refused(why.to_string()))?;
        let params = ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema };
        let request = InputRequest::Elicitation(ElicitRequest::new(params));
        let requests = InputRequests::from([(QUESTION.to_owned(), request)]);
        Ok(InputRequiredResult::new(Some(requests), Some(sealed)))
    }

    /// The request id of the deletion, if the human has typed the id of the store.
    pub(crate) fn answered(
        &self,
        bound: &Bound<'_>,
        sealed: &str,
        responses: Option<&InputResponses>,
    ) -> Result<String, Trouble> {
        let opened: Result<Pending, _> = self.0.open_json_with(sealed, &bound.bytes());
        let pending = opened.map_err(|_| {
            Trouble::refused("the confirmation is of another call, or older than five minutes: call delete_store again")
        })?;
        let response = responses.and_then(|all| all.get(QUESTION)).unwrap_or(&Value::Null);
        if response["action"] != "accept" {
            return Err(Trouble::refused("the human did not confirm: the store is not deleted"));
        }
        if response["content"]["id"] != bound.id {
            return Err(Trouble::refused("the human typed another id: the store is not deleted"));
        }
        Ok(pending.request_id)
    }
}

/// What a confirmation is for.
pub(crate) struct Bound<'a> {
    pub(crate) principal: &'a str,
    pub(crate) id: &'a str,
    pub(crate) etag: &'a str,
}

impl Bound<'_> {
    fn bytes(&self) -> Vec<u8> {
        let Self { principal, id, etag } = self;
        json!(["delete_store", principal, id, etag]).to_string().into_bytes()
    }
}

/// Whether the client can ask its human in the middle of a call.
pub(crate) fn can_ask(context: Option<&RequestContext<RoleServer>>) -> bool {
    let Some(context) = context else { return false };
    // ISO dates compare as the times do.
    let version =
        context.protocol_version().is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
    let elicitation = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
    // A client that names no form at all has the form, as in the versions before there was another.
    version && elicitation.is_some_and(|able| able.form.is_some() || able.url.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound<'a>(principal: &'a str, id: &'a str, etag: &'a str) -> Bound<'a> {
        Bound { principal, id, etag }
    }

    fn typed(action: &str, id: &str) -> InputResponses {
        InputResponses::from([(QUESTION.to_owned(), json!({"action": action, "content": {"id": id}}))])
    }

    #[test]
    fn only_the_typed_id_of_the_same_store_and_caller_opens() {
        let gate = Gate::new();
        let store = Store { id: "store-a".to_owned(), ..Store::default() };
        let own = bound("token:ci#1", "store-a", "e1");
        let sealed = gate.ask(&own, &store).expect("a question").request_state.expect("a state");
        let request_id = gate.answered(&own, &sealed, Some(&typed("accept", "store-a"))).expect("confirmed");
        assert_eq!(request_id, gate.answered(&own, &sealed, Some(&typed("accept", "store-a"))).expect("the same"));
        for wrong in
            [typed("accept", "store-b"), typed("accept", ""), typed("decline", "store-a"), InputResponses::new()]
        {
            gate.answered(&own, &sealed, Some(&wrong)).expect_err("not confirmed");
        }
        gate.answered(&own, &sealed, None).expect_err("no answer");
        for other in [
            bound("token:x#2", "store-a", "e1"),
            bound("token:ci#1", "store-b", "e1"),
            bound("token:ci#1", "store-a", "e2"),
        ] {
            gate.answered(&other, &sealed, Some(&typed("accept", other.id))).expect_err("of another call");
        }
        Gate::new().answered(&own, &sealed, Some(&typed("accept", "store-a"))).expect_err("another key");
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(bytes).expect("ASCII");
            if damaged != sealed {
                gate.answered(&own, &damaged, Some(&typed("accept", "store-a"))).expect_err("damaged");
            }
        }
    }
}
