//! A write is done only after the human at the terminal agreed to this very call.

use std::io::{self, BufRead, Write};

use sendstores_mcp::Effect;
use serde_json::{Map, Value};

/// Bytes of a call that a human can be asked for: what cannot be read cannot be agreed to.
const LONGEST: usize = 4 * 1024;
/// Bytes of an answer that are read.
const ANSWER: u64 = 1024;

/// What the human decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Agreed,
    Declined,
}

/// A call as the human sees it: exactly, and with nothing in it that a terminal hides or moves.
pub(super) fn shown(name: &str, arguments: &Map<String, Value>) -> String {
    let json = Value::Object(arguments.clone()).to_string();
    let mut text = sendstores_mcp::visible(name).replace(['\n', '\t'], " ") + " ";
    for c in json.chars() {
        // JSON has escaped control characters, but neither marks of direction nor characters without a width.
        match sendstores_mcp::visible(c.encode_utf8(&mut [0; 4])) {
            visible if visible.is_empty() => text += &format!("\\u{{{:x}}}", u32::from(c)),
            visible => text += &visible,
        }
    }
    text
}

/// Asks for one call. An end of the input is no.
pub(super) fn confirm(
    effect: Effect,
    name: &str,
    arguments: &Map<String, Value>,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> io::Result<Decision> {
    let call = shown(name, arguments);
    if call.len() > LONGEST {
        writeln!(output, "the model wants a call of {name} that is too long to show; it is declined")?;
        return Ok(Decision::Declined);
    }
    let id = arguments.get("id").and_then(Value::as_str).unwrap_or_default();
    writeln!(output, "the model wants this call:\n  {call}")?;
    match effect {
        Effect::Destructive => write!(output, "This cannot be undone. Type the id of the store to do it: ")?,
        Effect::Read | Effect::Write => write!(output, "Do it? [y/N] ")?,
    }
    output.flush()?;
    let mut line = String::new();
    io::Read::take(input, ANSWER).read_line(&mut line)?;
    let agreed = match effect {
        Effect::Destructive => !id.is_empty() && line.trim() == id,
        Effect::Read | Effect::Write => matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"),
    };
    if !agreed {
        writeln!(output, "declined: nothing is changed")?;
    }
    Ok(if agreed { Decision::Agreed } else { Decision::Declined })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn decide(effect: Effect, arguments: &Value, typed: &str) -> (Decision, String) {
        let mut output = Vec::new();
        let decision =
            confirm(effect, "a_tool", &object(arguments), &mut typed.as_bytes(), &mut output).expect("no error");
        (decision, String::from_utf8(output).expect("text"))
    }

    #[test]
    fn only_a_yes_agrees_to_a_write_and_only_the_id_to_a_deletion() {
        let arguments = json!({"id": "store-a"});
        for (effect, typed, wanted) in [
            (Effect::Write, "y\n", Decision::Agreed),
            (Effect::Write, "YES\n", Decision::Agreed),
            (Effect::Write, "\n", Decision::Declined),
            (Effect::Write, "store-a\n", Decision::Declined),
            (Effect::Write, "", Decision::Declined),
            (Effect::Destructive, "store-a\n", Decision::Agreed),
            (Effect::Destructive, " store-a \n", Decision::Agreed),
            (Effect::Destructive, "y\n", Decision::Declined),
            (Effect::Destructive, "yes\n", Decision::Declined),
            (Effect::Destructive, "store-ab\n", Decision::Declined),
            (Effect::Destructive, "", Decision::Declined),
        ] {
            assert_eq!(decide(effect, &arguments, typed).0, wanted, "{effect:?} {typed:?}");
        }
        assert_eq!(decide(Effect::Destructive, &json!({}), "\n").0, Decision::Declined, "no id is no id");
        let (decision, said) = decide(Effect::Write, &json!({"title": "x".repeat(5_000)}), "y\n");
        assert!(decision == Decision::Declined && said.contains("too long"), "{said}");
    }

    #[test]
    fn a_call_hides_nothing_on_a_terminal() {
        let arguments = json!({"id": "store-\u{202e}a", "title": "a\u{1b}[2J\n\u{e0041}ü"});
        let text = shown("create\u{1b}_store\n", &object(&arguments));
        assert_eq!(text, "create_store  {\"id\":\"store-\\u{202e}a\",\"title\":\"a\\u001b[2J\\n\\u{e0041}ü\"}");
    }
}
