//! The two formats, from the side of the endpoint.

use http::HeaderMap;
use serde_json::{Value, json};

use super::Turn;

/// Tokens that each reply claims to have cost.
const TOKENS: u64 = 10;

/// A format of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    OpenAi,
    Anthropic,
}

/// The results at the end of a conversation, and the names of the tools.
type Parts = (Vec<String>, Vec<String>);

// === impl Format ===

impl Format {
    /// As `--ai-api` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// The key that a request has.
    pub(super) fn given_key(self, headers: &HeaderMap) -> Option<&str> {
        match self {
            Self::OpenAi => headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer "),
            Self::Anthropic => headers.get("x-api-key")?.to_str().ok(),
        }
    }

    /// What the model reads of a request.
    ///
    /// # Errors
    /// What a real endpoint would refuse.
    pub(super) fn check(self, path: &str, body: &Value) -> Result<Parts, String> {
        if !body["model"].is_string() {
            return Err("there is no model".to_owned());
        }
        let messages = body["messages"].as_array().ok_or("there are no messages")?;
        match self {
            Self::OpenAi => {
                ensure(path == "/v1/chat/completions", "another path")?;
                let results = openai(messages)?;
                Ok((results, names(body, |tool| &tool["function"]["name"])?))
            }
            Self::Anthropic => {
                ensure(path == "/v1/messages", "another path")?;
                ensure(body["max_tokens"].as_u64().is_some_and(|most| most > 0), "there is no max_tokens")?;
                ensure(body["system"].as_str().is_some_and(|text| !text.is_empty()), "there is no system")?;
                let results = anthropic(messages)?;
                Ok((results, names(body, |tool| &tool["name"])?))
            }
        }
    }

    /// The body of an answer.
    pub(super) fn reply(self, turn: &Turn, number: usize) -> Value {
        let (text, calls): (&str, Vec<(&str, String)>) = match turn {
            Turn::Say(text) => (text, Vec::new()),
            Turn::Call(calls) => {
                ("", calls.iter().map(|(name, arguments)| (name.as_str(), arguments.to_string())).collect())
            }
            Turn::CallWith(name, arguments) => ("", vec![(name, arguments.clone())]),
            Turn::Status(..) | Turn::Hang => ("", Vec::new()),
        };
        let id = |i: usize| format!("call_{number}_{i}");
        match self {
            Self::OpenAi => {
                let call = |(i, (name, arguments)): (usize, &(&str, String))| json!({"id": id(i), "type": "function", "function": {"name": name, "arguments": arguments}});
                let mut message = json!({"role": "assistant", "content": text});
                if !calls.is_empty() {
                    message["content"] = Value::Null;
                    message["tool_calls"] = calls.iter().enumerate().map(call).collect();
                }
                let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
                let usage = json!({"prompt_tokens": TOKENS - 1, "completion_tokens": 1, "total_tokens": TOKENS});
                json!({"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage})
            }
            Self::Anthropic => {
                let call = |(i, (name, arguments)): (usize, &(&str, String))| {
                    // A model's arguments are an object here, or the proxy in between passes its text on.
                    let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| arguments.as_str().into());
                    json!({"type": "tool_use", "id": id(i), "name": name, "input": input})
                };
                let mut content: Vec<Value> = calls.iter().enumerate().map(call).collect();
                if !text.is_empty() {
                    content.insert(0, json!({"type": "text", "text": text}));
                }
                let reason = if calls.is_empty() { "end_turn" } else { "tool_use" };
                let usage = json!({"input_tokens": TOKENS - 1, "output_tokens": 1});
                json!({"type": "message", "role": "assistant", "content": content, "stop_reason": reason, "usage": usage})
            }
        }
    }
}

fn ensure(holds: bool, why: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

fn names(body: &Value, name: impl Fn(&Value) -> &Value) -> Result<Vec<String>, String> {
    let tools = body["tools"].as_array().ok_or("there are no tools")?;
    tools
        .iter()
        .map(|tool| name(tool).as_str().map(str::to_owned).ok_or_else(|| "a tool has no name".to_owned()))
        .collect()
}

fn is_name(name: &Value) -> bool {
    let may = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.as_str().is_some_and(|name| (1..=64).contains(&name.len()) && name.chars().all(may))
}

/// Each call of an assistant's message has one result in the messages right after it.
fn openai(messages: &[Value]) -> Result<Vec<String>, String> {
    ensure(
        messages.first().is_some_and(|first| first["role"] == "system"),
        "it does not begin with the system's message",
    )?;
    let (mut open, mut results): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for message in &messages[1..] {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let at = open.iter().position(|one| one == id).ok_or("a result is of no call before it")?;
            open.remove(at);
            results.push(message["content"].as_str().ok_or("a result is no text")?.to_owned());
            continue;
        }
        ensure(open.is_empty(), "a call has no result")?;
        results.clear();
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            ensure(is_name(&call["function"]["name"]), "the name of a call is none")?;
            let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
            let is_object = serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object());
            ensure(is_object, "the arguments of a call are no object as text")?;
            open.push(call["id"].as_str().filter(|id| !id.is_empty()).ok_or("a call has no id")?.to_owned());
        }
    }
    ensure(open.is_empty(), "a call has no result")?;
    Ok(results)
}

/// User and assistant take turns; the results of all calls are in the next message of the user.
fn anthropic(messages: &[Value]) -> Result<Vec<String>, String> {
    let (mut open, mut results): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (i, message) in messages.iter().enumerate() {
        ensure(message["role"] == if i % 2 == 0 { "user" } else { "assistant" }, "the roles do not take turns")?;
        let blocks = message["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        ensure(
            !blocks.is_empty() || message["content"].as_str().is_some_and(|text| !text.is_empty()),
            "a message is empty",
        )?;
        results.clear();
        for block in blocks {
            match block["type"].as_str() {
                Some("text") => ensure(block["text"].as_str().is_some_and(|text| !text.is_empty()), "a text is empty")?,
                Some("tool_use") => {
                    ensure(is_name(&block["name"]) && block["input"].is_object(), "a tool_use is none")?;
                    open.push(block["id"].as_str().filter(|id| !id.is_empty()).ok_or("a call has no id")?.to_owned());
                }
                Some("tool_result") => {
                    let id = block["tool_use_id"].as_str().unwrap_or_default();
                    let at = open.iter().position(|one| one == id).ok_or("a result is of no call before it")?;
                    open.remove(at);
                    results.push(block["content"].as_str().ok_or("a result is no text")?.to_owned());
                }
                _ => return Err("a block of another kind".to_owned()),
            }
        }
        ensure(open.is_empty() || message["role"] == "assistant", "a call has no result")?;
    }
    ensure(open.is_empty(), "a call has no result")?;
    Ok(results)
}
