//! The format of Anthropic's messages.

use sendstores_mcp::Offered;
use serde_json::{Value, json};

use super::{
    conversation::{Arguments, Call, CallResult, Conversation, Message, Reply, Tokens},
    format::{Format, parameters, tool_name, without_thoughts},
};

/// The version of the format.
const VERSION: &str = "2023-06-01";
/// Tokens of one reply; this format asks for a number.
const MOST: u32 = 4096;

pub(super) struct Messages;

// === impl Messages ===

impl Format for Messages {
    fn path(&self) -> &'static str {
        "/messages"
    }

    fn headers(&self, key: Option<&str>) -> Vec<(&'static str, String)> {
        let key = key.map(|key| ("x-api-key", key.to_owned()));
        key.into_iter().chain([("anthropic-version", VERSION.to_owned())]).collect()
    }

    fn request(&self, model: &str, conversation: &Conversation, tools: &[Offered]) -> Value {
        let tool = |tool: &Offered| json!({"name": tool.name, "description": tool.description, "input_schema": parameters(tool)});
        json!({
            "model": model,
            "max_tokens": MOST,
            "system": conversation.system,
            "messages": conversation.messages().iter().map(message).collect::<Vec<_>>(),
            "tools": tools.iter().map(tool).collect::<Vec<_>>(),
        })
    }

    fn reply(&self, body: &Value) -> Result<Reply, String> {
        let blocks = body["content"].as_array().ok_or("it has no content")?;
        let mut reply = Reply { cut: body["stop_reason"] == "max_tokens", ..Reply::default() };
        for block in blocks {
            match block["type"].as_str() {
                Some("text") => {
                    let text = without_thoughts(block["text"].as_str().unwrap_or_default());
                    let gap = if reply.text.is_empty() || text.is_empty() { "" } else { "\n" };
                    reply.text = format!("{}{gap}{text}", reply.text);
                }
                Some("tool_use") => {
                    let name = block["name"].as_str().ok_or("a tool_use has no name")?;
                    let id = block["id"].as_str().unwrap_or_default().to_owned();
                    let arguments = match &block["input"] {
                        // A proxy in front of another format may send the text that its model wrote.
                        Value::String(text) => Arguments::parse(text),
                        other => Arguments::of(other.clone()),
                    };
                    reply.calls.push(Call { id, name: name.to_owned(), arguments });
                }
                // Thoughts, and what is newer than this program.
                _ => {}
            }
        }
        let count = |name: &str| body.get("usage").and_then(|usage| usage.get(name)).and_then(Value::as_u64);
        let counted = count("input_tokens").zip(count("output_tokens"));
        reply.tokens = counted.map(|(input, output)| Tokens { input, output });
        Ok(reply)
    }
}

fn message(message: &Message) -> Value {
    match message {
        Message::Question(text) => json!({"role": "user", "content": text}),
        Message::Reply { text, calls } => {
            let call = |call: &Call| {
                json!({
                    "type": "tool_use", "id": call.id, "name": tool_name(&call.name), "input": call.arguments.object()
                })
            };
            // A block of text may not be empty.
            let text = Some(text).filter(|text| !text.is_empty()).map(|text| json!({"type": "text", "text": text}));
            json!({"role": "assistant", "content": text.into_iter().chain(calls.iter().map(call)).collect::<Vec<_>>()})
        }
        Message::Results(results) => {
            let result = |result: &CallResult| {
                json!({
                    "type": "tool_result", "tool_use_id": result.id, "content": result.text, "is_error": result.failed
                })
            };
            json!({"role": "user", "content": results.iter().map(result).collect::<Vec<_>>()})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_text_calls_and_tokens() {
        let body = json!({
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "get_store", "input": {"id": "store-a"}},
                {"type": "tool_use", "id": "toolu_2", "name": "whoami", "input": "{\"broken\""},
            ],
            "stop_reason": "tool_use", "usage": {"input_tokens": 10, "output_tokens": 3}
        });
        let reply = Messages.reply(&body).expect("a reply");
        assert_eq!((reply.text.as_str(), reply.cut), ("I look.", false));
        assert_eq!(reply.tokens, Some(Tokens { input: 10, output: 3 }));
        assert_eq!(reply.calls[0].arguments.object(), json!({"id": "store-a"}));
        assert!(matches!(reply.calls[1].arguments, Arguments::Broken(_)));
        for wrong in [json!({}), json!({"content": "text"}), json!({"content": [{"type": "tool_use"}]})] {
            Messages.reply(&wrong).expect_err(&wrong.to_string());
        }
    }

    #[test]
    fn a_conversation_has_no_empty_text_and_each_result_its_call() {
        let mut talk = Conversation::new("rules".to_owned());
        talk.add(Message::Question("why?".to_owned()));
        let arguments = Arguments::Broken("no".to_owned());
        let call = Call { id: "1".to_owned(), name: "a tool!".to_owned(), arguments };
        talk.add(Message::Reply { text: String::new(), calls: vec![call] });
        talk.add(Message::Results(vec![CallResult { id: "1".to_owned(), text: "wrong".to_owned(), failed: true }]));
        let request = Messages.request("m", &talk, &[]);
        assert_eq!(
            request["messages"],
            json!([
                {"role": "user", "content": "why?"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "atool", "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "wrong", "is_error": true}]},
            ])
        );
        assert_eq!((&request["system"], &request["max_tokens"]), (&json!("rules"), &json!(4096)));
    }
}
