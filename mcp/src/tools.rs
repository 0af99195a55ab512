//! The tools: what each is called, what it needs, and what it does.

pub(crate) mod read;
mod watch;
mod write;

use rmcp::{
    RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, InputRequiredResult, JsonObject,
        ToolAnnotations,
    },
    service::RequestContext,
};
use sendstores_client::Client;
use serde_json::{Map, Value};

use crate::{
    fit::{self, fit},
    gate::Gate,
    schema,
    server::Settings,
    untrusted,
};

/// One tool. The order is that of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Whoami,
    SummarizeStores,
    ListStores,
    GetStore,
    ExplainStore,
    WaitForStore,
    ChangesSince,
    ExplainReason,
    ListAudit,
    CheckStore,
    CreateStore,
    DeleteStore,
}

/// What a call of a tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changes nothing.
    Read,
    /// It changes something that can be changed back.
    Write,
    /// What it takes away is gone.
    Destructive,
}

/// What is said of a tool.
pub(crate) struct Facts {
    pub(crate) name: &'static str,
    title: &'static str,
    pub(crate) description: &'static str,
    /// The permissions that the caller must have.
    pub(crate) needs: &'static [&'static str],
    pub(crate) effect: Effect,
    input: fn() -> JsonObject,
    /// What is in every result.
    result: &'static [&'static str],
}

/// A call of a tool.
pub(crate) struct Call<'a> {
    pub(crate) client: &'a Client,
    pub(crate) settings: Settings,
    pub(crate) gate: &'a Gate,
    /// The request of the protocol; none for a call in this process.
    pub(crate) context: Option<&'a RequestContext<RoleServer>>,
}

/// What a tool answers.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// One sentence.
    pub(crate) said: String,
    /// What the server knows.
    pub(crate) known: Map<String, Value>,
    /// What others wrote.
    pub(crate) written: Map<String, Value>,
    /// How to get what was left out.
    pub(crate) more: Option<String>,
}

/// Why a tool does not answer. The assistant reads it.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The arguments are wrong.
    Arguments(String),
    /// The API refused the call, or did not answer.
    Call(Box<sendstores_client::Error>),
    /// This server refused it.
    Refused(String),
}

/// An answer, or a question to the human.
pub(crate) enum Outcome {
    Answer(Answer),
    Question(InputRequiredResult),
}

// === impl Facts ===

impl Facts {
    /// JSON Schema of the arguments.
    pub(crate) fn schema(&self) -> JsonObject {
        (self.input)()
    }
}

// === impl Call ===

impl Call<'_> {
    /// Ends when the client does not want the answer any more.
    async fn cancelled(&self) {
        match self.context {
            Some(context) => context.ct.cancelled().await,
            // Who drops the call does not need to say so.
            None => std::future::pending().await,
        }
    }
}

// === impl Tool ===

impl Tool {
    pub(crate) const ALL: [Self; 12] = [
        Self::Whoami,
        Self::SummarizeStores,
        Self::ListStores,
        Self::GetStore,
        Self::ExplainStore,
        Self::WaitForStore,
        Self::ChangesSince,
        Self::ExplainReason,
        Self::ListAudit,
        Self::CheckStore,
        Self::CreateStore,
        Self::DeleteStore,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.facts().name == name)
    }

    pub(crate) fn facts(self) -> &'static Facts {
        match self {
            Self::Whoami => &read::WHOAMI,
            Self::SummarizeStores => &read::SUMMARIZE_STORES,
            Self::ListStores => &read::LIST_STORES,
            Self::GetStore => &read::GET_STORE,
            Self::ExplainStore => &read::EXPLAIN_STORE,
            Self::WaitForStore => &watch::WAIT_FOR_STORE,
            Self::ChangesSince => &watch::CHANGES_SINCE,
            Self::ExplainReason => &read::EXPLAIN_REASON,
            Self::ListAudit => &read::LIST_AUDIT,
            Self::CheckStore => &write::CHECK_STORE,
            Self::CreateStore => &write::CREATE_STORE,
            Self::DeleteStore => &write::DELETE_STORE,
        }
    }

    /// As clients list it, with all four hints: what is left out means the worst.
    pub(crate) fn listed(self) -> rmcp::model::Tool {
        let Facts { name, title, description, effect, input, result, .. } = self.facts();
        let hints = ToolAnnotations::with_title(*title)
            .read_only(*effect == Effect::Read)
            .destructive(*effect == Effect::Destructive)
            .idempotent(true)
            .open_world(false);
        rmcp::model::Tool::new(*name, *description, input())
            .with_title(*title)
            .with_annotations(hints)
            .with_raw_output_schema(schema::result(result).into())
    }

    pub(crate) async fn call(self, call: &Call<'_>, request: CallToolRequestParams) -> CallToolResponse {
        let outcome = match self {
            Self::Whoami => read::whoami(call, request.arguments).await,
            Self::SummarizeStores => read::summarize_stores(call, request.arguments).await,
            Self::ListStores => read::list_stores(call, request.arguments).await,
            Self::GetStore => read::get_store(call, request.arguments).await,
            Self::ExplainStore => read::explain_store(call, request.arguments).await,
            Self::WaitForStore => Box::pin(watch::wait_for_store(call, request.arguments)).await,
            Self::ChangesSince => Box::pin(watch::changes_since(call, request.arguments)).await,
            Self::ExplainReason => read::explain_reason(request.arguments),
            Self::ListAudit => read::list_audit(call, request.arguments).await,
            Self::CheckStore => write::check_store(call, request.arguments).await,
            Self::CreateStore => write::create_store(call, request.arguments).await,
            Self::DeleteStore => return response(Box::pin(write::delete_store(call, request)).await),
        };
        response(outcome.map(Outcome::Answer))
    }

    /// Asks the API whether a call would succeed. Reads are not asked for twice.
    pub(crate) async fn check(self, call: &Call<'_>, arguments: JsonObject) -> Result<(), Trouble> {
        match self {
            Self::CreateStore => write::check_creation(call, arguments).await,
            Self::DeleteStore => write::check_deletion(call, arguments).await,
            Self::Whoami
            | Self::SummarizeStores
            | Self::ListStores
            | Self::GetStore
            | Self::ExplainStore
            | Self::WaitForStore
            | Self::ChangesSince
            | Self::ExplainReason
            | Self::ListAudit
            | Self::CheckStore => Ok(()),
        }
    }
}

fn response(outcome: Result<Outcome, Trouble>) -> CallToolResponse {
    match outcome {
        Ok(Outcome::Answer(answer)) => answer.into_result().into(),
        Ok(Outcome::Question(question)) => question.into(),
        Err(trouble) => CallToolResult::error(vec![ContentBlock::text(trouble.text())]).into(),
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn new(said: impl Into<String>, known: Map<String, Value>) -> Self {
        Self { said: said.into(), known, ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.known.insert(name.to_owned(), value.into());
        self
    }

    /// The text of the result, cut to its size.
    pub(crate) fn into_text(self) -> String {
        let content = self.into_result().content.into_iter().next();
        content.and_then(|block| block.as_text().map(|text| text.text.clone())).unwrap_or_default()
    }

    /// The structured result, and the same as text for clients that show only that.
    fn into_result(mut self) -> CallToolResult {
        let mut most = fit::MOST;
        loop {
            let cut = fit(&mut [&mut self.known, &mut self.written], most);
            if cut || self.more.is_some() {
                let was_cut = cut || self.known.get("truncated") == Some(&Value::Bool(true));
                self.known.insert("truncated".to_owned(), was_cut.into());
                let usual = "The longest parts were cut: ask for fewer sections or a lower limit.";
                let more = self.more.get_or_insert_with(|| usual.to_owned());
                self.known.insert("more".to_owned(), more.clone().into());
            }
            let result = self.result();
            let size = serde_json::to_vec(&result).map_or(0, |bytes| bytes.len());
            if size <= fit::RESULT || most < 100 {
                return result;
            }
            // What has many quotes is longer as text.
            most = most * 3 / 4;
        }
    }

    fn result(&self) -> CallToolResult {
        let Self { said, known, written, .. } = self;
        let mut structured = known.clone();
        let mut text = format!("{said}\n{}", Value::Object(known.clone()));
        if !written.is_empty() {
            text += &format!("\n{}", untrusted::marked(written));
            structured.insert("untrusted".to_owned(), written.clone().into());
        }
        let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
        result.structured_content = Some(Value::Object(structured));
        result
    }
}

// === impl Trouble ===

impl Trouble {
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    /// What happened, and what to do about it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Arguments(why) => format!("The arguments are wrong: {}", untrusted::clean(why)),
            Self::Refused(why) => format!("Refused: {}", untrusted::clean(why)),
            Self::Call(error) => {
                let reason = error.reason().unwrap_or("UNKNOWN");
                let message = untrusted::clean(&error.to_string());
                let next =
                    if error.retryable() { "The same call may succeed later." } else { "The same call fails again." };
                format!("{reason}: {message}\n{next} explain_reason has more about {reason}.")
            }
        }
    }
}

impl From<sendstores_client::Error> for Trouble {
    fn from(error: sendstores_client::Error) -> Self {
        Self::Call(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_a_name_of_its_own_all_hints_and_bounded_texts() {
        for (i, tool) in Tool::ALL.into_iter().enumerate() {
            let listed = tool.listed();
            assert_eq!(Tool::named(&listed.name), Some(tool));
            assert!(Tool::ALL[..i].iter().all(|other| other.facts().name != listed.name));
            let hints = listed.annotations.expect("hints");
            assert!(hints.read_only_hint.is_some() && hints.destructive_hint.is_some());
            assert!(hints.idempotent_hint.is_some() && hints.open_world_hint == Some(false));
            assert_bounded(&Value::Object(listed.input_schema.as_ref().clone()), listed.name.as_ref());
        }
    }

    /// No text and no list is without an end.
    fn assert_bounded(schema: &Value, at: &str) {
        let bounded = match schema["type"].as_str() {
            Some("string") => schema.get("maxLength").is_some() || schema.get("enum").is_some(),
            Some("array") => schema.get("maxItems").is_some(),
            Some("object") => schema.get("additionalProperties").is_some(),
            _ => true,
        };
        assert!(bounded, "{at} has no bound: {schema}");
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{at}.{name} says nothing");
            assert_bounded(property, &format!("{at}.{name}"));
        }
        if schema["items"].is_object() {
            assert_bounded(&schema["items"], &format!("{at}[]"));
        }
    }

    #[test]
    fn no_tool_hands_out_a_credential() {
        for tool in Tool::ALL {
            let Facts { name, needs, .. } = tool.facts();
            assert!(!name.contains("credential") && !name.contains("token"), "{name}");
            assert!(
                needs
                    .iter()
                    .all(|permission| !permission.starts_with("credentials") && !permission.starts_with("tokens"))
            );
        }
    }

    #[test]
    fn a_result_of_any_size_fits() {
        let texts = ["x".repeat(20_000), "\u{1}\"\\ü".repeat(5_000), "\"".repeat(20_000)];
        for text in texts {
            let mut answer = Answer::new("said", Map::new()).with("list", vec![Value::from(text.clone()); 40]);
            answer.written.insert("log".to_owned(), text.into());
            let result = answer.into_result();
            let bytes = serde_json::to_vec(&result).expect("JSON").len();
            assert!(bytes <= 16 * 1024 && bytes > 200, "{bytes}");
            assert_eq!(result.structured_content.expect("an object")["truncated"], true);
        }
    }
}
