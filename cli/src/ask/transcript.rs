//! What the user sees: the answer on stdout, everything else on stderr; or all of it as lines of JSON on stdout.

use std::collections::BTreeSet;

use sendstores_mcp::{Called, Effect};
use serde_json::{Map, Value, json};

use super::{confirm::shown, conversation::Tokens};
use crate::{failure::Failure, output, text};

/// Stores that are named after an answer.
const NAMED: usize = 20;
/// Characters of a tool's refusal that are shown.
const SAID: usize = 200;

/// Of one question.
#[derive(Debug)]
pub(crate) struct Transcript {
    is_json: bool,
    stores: BTreeSet<String>,
    calls: u32,
    /// The calls that changed something.
    changes: Vec<String>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// It was refused, or did not succeed.
    Failed,
    /// The human did not agree to it.
    Declined,
    /// The server would accept it; it was not done.
    Checked,
}

/// What the answer cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) turns: u32,
    pub(super) tokens: Tokens,
}

// === impl Outcome ===

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Declined => "declined",
            Self::Checked => "checked",
        }
    }
}

// === impl Transcript ===

impl Transcript {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, stores: BTreeSet::new(), calls: 0, changes: Vec::new() }
    }

    /// Forgets the question before.
    pub(super) fn question(&mut self, question: &str) -> Result<(), Failure> {
        *self = Self::new(self.is_json);
        self.line(|| json!({"type": "question", "text": question}))
    }

    /// What the model says beside its calls.
    pub(super) fn remark(&self, remark: &str) -> Result<(), Failure> {
        if self.is_json {
            return self.line(|| json!({"type": "remark", "text": remark}));
        }
        output::note(&sendstores_mcp::visible(remark));
        Ok(())
    }

    /// A call begins; it may take a while.
    pub(super) fn calling(&self, name: &str, arguments: &Map<String, Value>) {
        if !self.is_json {
            output::note(&format!("-> {}", shown(name, arguments).trim_end()));
        }
    }

    pub(super) fn called(
        &mut self,
        name: &str,
        arguments: &Value,
        (effect, outcome): (Option<Effect>, Outcome),
        called: &Called,
    ) -> Result<(), Failure> {
        self.calls += 1;
        match effect {
            // What check_store shows is not there.
            Some(Effect::Read) if called.known.get("valid").is_none() => {
                collect_stores(&called.known, &mut self.stores)
            }
            Some(Effect::Write | Effect::Destructive) if outcome == Outcome::Done => {
                let id = called.known["id"].as_str().unwrap_or_default();
                self.changes.push(format!("{name} {id}"));
            }
            Some(_) | None => {}
        }
        if !self.is_json && outcome != Outcome::Done {
            let why = text::line(called.text.lines().next().unwrap_or_default());
            let why: String = sendstores_mcp::visible(&why).chars().take(SAID).collect();
            output::note(&format!("   {}: {why}", outcome.name()));
        }
        self.line(|| {
            let outcome = outcome.name();
            json!({"type": "call", "tool": name, "arguments": arguments, "outcome": outcome, "result": called.text})
        })
    }

    /// The answer, and what it is made from.
    pub(super) fn answer(&self, answer: &str, was_cut: bool, cost: Cost) -> Result<(), Failure> {
        let Cost { turns, tokens } = cost;
        if self.is_json {
            return self.line(|| {
                json!({
                    "type": "answer", "text": answer, "truncated": was_cut, "storesRead": self.stores, "changes": self.changes,
                    "calls": self.calls, "turns": turns, "tokens": {"input": tokens.input, "output": tokens.output}
                })
            });
        }
        output::print(&sendstores_mcp::visible(answer))?;
        if was_cut {
            output::note("the endpoint ended the answer here: it is longer than it allows");
        }
        output::note(&self.summary(cost));
        Ok(())
    }

    /// Which stores were read, and what was changed: what a model says of this proves nothing.
    fn summary(&self, cost: Cost) -> String {
        let mut named: Vec<_> = self.stores.iter().take(NAMED).map(|id| text::line(id)).collect();
        if self.stores.len() > NAMED {
            named.push(format!("and {} more", self.stores.len() - NAMED));
        }
        let stores = if named.is_empty() { "no store".to_owned() } else { named.join(", ") };
        let changes = if self.changes.is_empty() { "nothing".to_owned() } else { self.changes.join(", ") };
        let plural = |n: u32| if n == 1 { "" } else { "s" };
        format!(
            "read: {stores}\nchanged: {changes}\n{} call{} in {} turn{}, {} tokens",
            self.calls,
            plural(self.calls),
            cost.turns,
            plural(cost.turns),
            cost.tokens.all()
        )
    }

    fn line(&self, line: impl FnOnce() -> Value) -> Result<(), Failure> {
        if self.is_json { output::print(&line().to_string()) } else { Ok(()) }
    }
}

/// The ids of stores that a result has.
fn collect_stores(known: &Value, stores: &mut BTreeSet<String>) {
    match known {
        Value::Object(fields) => {
            let id = fields.get("id").and_then(Value::as_str).filter(|id| id.starts_with("store-"));
            stores.extend(id.map(str::to_owned));
            fields.values().for_each(|field| collect_stores(field, stores));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_stores(item, stores)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(known: Value) -> Called {
        Called { text: "text".to_owned(), known, failed: false }
    }

    #[test]
    fn the_summary_names_what_was_read_and_changed_by_the_tools() {
        let mut transcript = Transcript::new(false);
        let read = (Some(Effect::Read), Outcome::Done);
        let list = called(json!({"stores": [{"id": "store-a"}, {"id": "store-b"}], "oldest": {"id": "store-b"}}));
        transcript.called("list_stores", &json!({}), read, &list).expect("written");
        transcript
            .called("check_store", &json!({}), read, &called(json!({"id": "store-x", "valid": true})))
            .expect("written");
        let cost = Cost { turns: 1, tokens: Tokens { input: 9, output: 3 } };
        assert_eq!(transcript.summary(cost), "read: store-a, store-b\nchanged: nothing\n2 calls in 1 turn, 12 tokens");
        for outcome in [Outcome::Failed, Outcome::Declined, Outcome::Checked, Outcome::Done] {
            let made = called(json!({"id": "store-c"}));
            transcript.called("create_store", &json!({}), (Some(Effect::Write), outcome), &made).expect("written");
        }
        assert!(transcript.summary(cost).contains("\nchanged: create_store store-c\n6 calls"));
        for i in 0..30 {
            transcript
                .called("get_store", &json!({}), read, &called(json!({"id": format!("store-{i}")})))
                .expect("written");
        }
        assert!(transcript.summary(cost).contains(", and 12 more\n"), "{}", transcript.summary(cost));
    }
}
