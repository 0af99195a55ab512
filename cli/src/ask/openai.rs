//! The format of OpenAI's chat completions, which most other endpoints speak, too: vLLM, llama.cpp, Ollama and proxies.

use sendstores_mcp::Offered;
use serde_json::{Value, json};

use super::{
    conversation::{Arguments, Call, Conversation, Message, Reply, Tokens},
    format::{Format, parameters, tool_name, without_thoughts},
};

pub(super) struct ChatCompletions;

// === impl ChatCompletions ===

impl Format for ChatCompletions {
    fn path(&self) -> &'static str {
        "/chat/completions"
    }

    fn headers(&self, key: Option<&str>) -> Vec<(&'static str, String)> {
        key.map(|key| ("authorization", format!("Bearer {key}"))).into_iter().collect()
    }

    fn request(&self, model: &str, conversation: &Conversation, tools: &[Offered]) -> Value {
        let mut messages = vec![json!({"role": "system", "content": conversation.system})];
        for message in conversation.messages() {
            add(&mut messages, message);
        }
        let tool = |tool: &Offered| {
            json!({
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": parameters(tool)}
            })
        };
        json!({"model": model, "messages": messages, "tools": tools.iter().map(tool).collect::<Vec<_>>(), "stream": false})
    }

    fn reply(&self, body: &Value) -> Result<Reply, String> {
        let choice = body.pointer("/choices/0").ok_or("it has no choices")?;
        let message = choice.get("message").filter(|message| message.is_object()).ok_or("its choice has no message")?;
        let mut reply = Reply { text: text(message), cut: choice["finish_reason"] == "length", ..Reply::default() };
        for wanted in message["tool_calls"].as_array().into_iter().flatten() {
            let function = &wanted["function"];
            let name = function["name"].as_str().ok_or("a tool call has no name")?;
            let arguments = match &function["arguments"] {
                Value::String(text) => Arguments::parse(text),
                // Some endpoints send the object itself.
                other => Arguments::of(other.clone()),
            };
            let id = wanted["id"].as_str().unwrap_or_default().to_owned();
            reply.calls.push(Call { id, name: name.to_owned(), arguments });
        }
        let count = |name: &str| body.get("usage").and_then(|usage| usage.get(name)).and_then(Value::as_u64);
        let counted = count("prompt_tokens").zip(count("completion_tokens"));
        reply.tokens = counted.map(|(input, output)| Tokens { input, output });
        Ok(reply)
    }
}

fn add(messages: &mut Vec<Value>, message: &Message) {
    match message {
        Message::Question(text) => messages.push(json!({"role": "user", "content": text})),
        Message::Reply { text, calls } if calls.is_empty() => {
            messages.push(json!({"role": "assistant", "content": text}));
        }
        Message::Reply { text, calls } => {
            let call = |call: &Call| {
                let function = json!({"name": tool_name(&call.name), "arguments": call.arguments.object().to_string()});
                json!({"id": call.id, "type": "function", "function": function})
            };
            let calls: Vec<_> = calls.iter().map(call).collect();
            messages.push(json!({"role": "assistant", "content": text, "tool_calls": calls}));
        }
        Message::Results(results) => {
            let result = |result: &super::conversation::CallResult| json!({"role": "tool", "tool_call_id": result.id, "content": result.text});
            messages.extend(results.iter().map(result));
        }
    }
}

/// The text of a message: a text, or parts of which some are text.
fn text(message: &Value) -> String {
    let content = match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => message["refusal"].as_str().unwrap_or_default().to_owned(),
    };
    without_thoughts(&content).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(message: Value) -> Reply {
        ChatCompletions.reply(&json!({"choices": [{"message": message}]})).expect("a reply")
    }

    #[test]
    fn replies_of_several_endpoints_are_read() {
        let openai = json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "get_store", "arguments": "{\"id\":\"store-a\"}"}},
            {"id": "call_2", "type": "function", "function": {"name": "whoami", "arguments": ""}},
        ]});
        let calls = reply(openai).calls;
        assert_eq!((calls[0].name.as_str(), calls[1].name.as_str()), ("get_store", "whoami"));
        assert_eq!(calls[0].arguments.object(), json!({"id": "store-a"}));
        // llama.cpp before it sent ids; a proxy that sends objects.
        let other = json!({"content": "", "tool_calls": [{"function": {"name": "whoami", "arguments": {}}}]});
        let calls = reply(other).calls;
        assert_eq!(calls[0].arguments, Arguments::Object(serde_json::Map::new()));
        assert_eq!(
            reply(json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]})).text,
            "a\nb"
        );
        assert_eq!(reply(json!({"content": "<think>\nhm\n</think>\n\nYes."})).text, "Yes.");
        assert_eq!(reply(json!({"content": null, "refusal": "No."})).text, "No.");
        let counted = json!({
            "choices": [{"message": {"content": "a"}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 2}
        });
        let reply = ChatCompletions.reply(&counted).expect("a reply");
        assert_eq!((reply.tokens, reply.cut), (Some(Tokens { input: 7, output: 2 }), true));
    }

    #[test]
    fn what_is_no_reply_is_said() {
        for wrong in [
            json!({}),
            json!([]),
            json!({"choices": []}),
            json!({"choices": [{"text": "a"}]}),
            json!({"choices": [{"message": "a"}]}),
            json!({"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}),
        ] {
            ChatCompletions.reply(&wrong).expect_err(&wrong.to_string());
        }
    }
}
