//! What the formats of endpoints have in common.

use sendstores_mcp::Offered;
use serde_json::Value;

use super::conversation::{Conversation, Reply};
use crate::args::Api;

/// How an endpoint is spoken to.
pub(super) trait Format: Send + Sync {
    /// Below the address of the endpoint.
    fn path(&self) -> &'static str;

    /// The headers that carry the key, and those that every request has.
    fn headers(&self, key: Option<&str>) -> Vec<(&'static str, String)>;

    /// The body of a request.
    fn request(&self, model: &str, conversation: &Conversation, tools: &[Offered]) -> Value;

    /// The reply in the body of an answer.
    ///
    /// # Errors
    /// What is not as the format has it.
    fn reply(&self, body: &Value) -> Result<Reply, String>;
}

pub(super) fn of(api: Api) -> &'static dyn Format {
    match api {
        Api::OpenAi => &super::openai::ChatCompletions,
        Api::Anthropic => &super::anthropic::Messages,
    }
}

/// What an endpoint says of an error, in either format or none.
pub(super) fn error_text(body: &Value) -> Option<&str> {
    let error = body.get("error").filter(|error| !error.is_null())?;
    let text = [error.get("message"), Some(error), body.get("message")].into_iter().flatten().find_map(Value::as_str);
    Some(text.unwrap_or("an error without a message"))
}

/// The schema without the name of its language, which some endpoints take for an argument.
pub(super) fn parameters(tool: &Offered) -> Value {
    let mut schema = tool.input.clone();
    if let Some(object) = schema.as_object_mut() {
        object.remove("$schema");
    }
    schema
}

/// A name that every endpoint takes back as that of a tool: models make names up.
pub(super) fn tool_name(name: &str) -> String {
    let kept: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(64).collect();
    if kept.is_empty() { "unknown".to_owned() } else { kept }
}

/// A text without what a model thought before, where the endpoint leaves that in.
pub(super) fn without_thoughts(text: &str) -> &str {
    let trimmed = text.trim_start();
    match trimmed.strip_prefix("<think>") {
        Some(thoughts) => thoughts.split_once("</think>").map_or("", |(_, rest)| rest).trim(),
        None => text.trim(),
    }
}
