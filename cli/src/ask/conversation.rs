//! What was said, in no format of a particular endpoint.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::failure::{Exit, Failure};

/// Bytes of a conversation that are sent at most.
pub(super) const LONGEST: usize = 100 * 1024;

/// Stands for a result that was left out.
const LEFT_OUT: &str = "(Left out, because the conversation is long. Call the tool again if it is needed.)";

/// The questions, the replies and the results of tools, in order. Each call of a reply has one result after it.
#[derive(Debug)]
pub(crate) struct Conversation {
    /// What the model must know before anything is said.
    pub(super) system: String,
    messages: Vec<Message>,
    ids: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Message {
    Question(String),
    Reply { text: String, calls: Vec<Call> },
    Results(Vec<CallResult>),
}

/// A tool that the model wants to be called.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Which call a result is of; in a conversation unlike that of all other calls.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Arguments,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Arguments {
    Object(Map<String, Value>),
    /// Why they are none.
    Broken(String),
}

#[derive(Clone, Debug)]
pub(super) struct CallResult {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) failed: bool,
}

/// What the model answered.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    /// As the endpoint counts them; `None` if it does not.
    pub(super) tokens: Option<Tokens>,
    /// Whether the endpoint ended it before the model did.
    pub(super) cut: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) input: u64,
    pub(super) output: u64,
}

// === impl Arguments ===

impl Arguments {
    /// Arguments that a model wrote as a text.
    pub(super) fn parse(text: &str) -> Self {
        // Some models write nothing for a tool without arguments.
        if text.trim().is_empty() {
            return Self::Object(Map::new());
        }
        match serde_json::from_str(text) {
            Ok(value) => Self::of(value),
            Err(why) => Self::Broken(format!("they are no JSON: {why}")),
        }
    }

    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Object(object) => Self::Object(object),
            Value::Null => Self::Object(Map::new()),
            _ => Self::Broken("they are no JSON object".to_owned()),
        }
    }

    /// An object in any case: endpoints refuse a conversation in which there is none.
    pub(super) fn object(&self) -> Value {
        match self {
            Self::Object(object) => Value::Object(object.clone()),
            Self::Broken(_) => Value::Object(Map::new()),
        }
    }
}

// === impl Tokens ===

impl Tokens {
    pub(super) fn all(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

// === impl Message ===

impl Message {
    fn size(&self) -> usize {
        match self {
            Self::Question(text) => text.len(),
            Self::Reply { text, calls } => {
                text.len()
                    + calls
                        .iter()
                        .map(|call| call.name.len() + call.arguments.object().to_string().len())
                        .sum::<usize>()
            }
            Self::Results(results) => results.iter().map(|result| result.text.len()).sum(),
        }
    }
}

// === impl Conversation ===

impl Conversation {
    pub(crate) fn new(system: String) -> Self {
        Self { system, messages: Vec::new(), ids: BTreeSet::new() }
    }

    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(super) fn add(&mut self, message: Message) {
        self.messages.push(message);
    }

    /// Gives calls that the endpoint gave no id, or one that there is already, one of their own: otherwise results would be
    /// taken for those of other calls.
    pub(super) fn identify(&mut self, calls: &mut [Call]) {
        for call in calls {
            if call.id.is_empty() || call.id.len() > 128 || self.ids.contains(&call.id) {
                // As long, and of the characters, that the strictest endpoints take.
                let mut own = (self.ids.len()..).map(|number| format!("call{number:05}"));
                call.id = own.find(|id| !self.ids.contains(id)).unwrap_or_default();
            }
            self.ids.insert(call.id.clone());
        }
    }

    /// As if the last question, and all that came after it, had not been.
    pub(super) fn forget_last_question(&mut self) {
        let is_question = |message: &Message| matches!(message, Message::Question(_));
        let last = self.messages.iter().rposition(is_question);
        self.messages.truncate(last.unwrap_or_default());
    }

    pub(super) fn size(&self) -> usize {
        self.system.len() + self.messages.iter().map(Message::size).sum::<usize>()
    }

    /// Leaves out the oldest results, then the oldest questions with their replies, until the rest has at most `most` bytes.
    /// The last question and the last results stay.
    ///
    /// # Errors
    /// They do not fit.
    pub(super) fn fit(&mut self, most: usize) -> Result<(), Failure> {
        let last = self.messages.len().saturating_sub(1);
        for at in 0..last {
            if self.size() <= most {
                return Ok(());
            }
            if let Message::Results(results) = &mut self.messages[at] {
                for result in results.iter_mut().filter(|result| result.text.len() > LEFT_OUT.len()) {
                    LEFT_OUT.clone_into(&mut result.text);
                }
            }
        }
        while self.size() > most {
            let is_question = |message: &Message| matches!(message, Message::Question(_));
            let Some(second) = self.messages.iter().skip(1).position(is_question) else { return Err(too_long()) };
            self.messages.drain(..=second);
        }
        Ok(())
    }
}

fn too_long() -> Failure {
    let message = format!("the question and what its tools returned have more than {} KiB", LONGEST / 1024);
    Failure::new(Exit::Failed, message).hint("ask about one store, or one reason, at a time")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(text: &str) -> Message {
        Message::Results(vec![CallResult { id: "1".to_owned(), text: text.to_owned(), failed: false }])
    }

    fn question(text: &str) -> Message {
        Message::Question(text.to_owned())
    }

    fn reply(text: &str) -> Message {
        Message::Reply { text: text.to_owned(), calls: Vec::new() }
    }

    fn conversation(messages: Vec<Message>) -> Conversation {
        Conversation { messages, ..Conversation::new("s".to_owned()) }
    }

    #[test]
    fn the_oldest_results_are_left_out_first() {
        let long = "x".repeat(600);
        let mut talk = conversation(vec![question("a"), reply(""), result(&long), reply(""), result(&long)]);
        talk.fit(1_000).expect("it fits");
        assert!(matches!(&talk.messages()[2], Message::Results(results) if results[0].text == LEFT_OUT));
        assert!(matches!(&talk.messages()[4], Message::Results(results) if results[0].text == long));
        assert_eq!(talk.messages().len(), 5);
        talk.fit(1_000).expect("it still does");
    }

    #[test]
    fn then_whole_questions_go_and_the_last_one_stays() {
        let long = "x".repeat(600);
        let mut talk = conversation(vec![question(&long), reply(&long), question("b"), reply("c"), question("d")]);
        talk.fit(900).expect("it fits");
        assert!(matches!(&talk.messages()[0], Message::Question(text) if text == "b"), "{talk:?}");
        assert_eq!(talk.messages().len(), 3);
        let mut talk = conversation(vec![question("a"), reply("b"), question(&long)]);
        talk.fit(500).expect_err("the last question alone is too long");
        let mut talk = conversation(vec![question("a"), reply(""), result(&long)]);
        talk.fit(500).expect_err("the last results alone are");
    }

    #[test]
    fn no_two_calls_have_one_id() {
        let mut talk = conversation(Vec::new());
        let call = |id: &str| Call { id: id.to_owned(), name: "a".to_owned(), arguments: Arguments::parse("") };
        for _ in 0..2 {
            talk.identify(&mut [call("same"), call("same"), call(""), call(&"x".repeat(200))]);
        }
        assert_eq!(talk.ids.len(), 8, "{:?}", talk.ids);
    }

    #[test]
    fn arguments_are_an_object_or_say_why_not() {
        assert_eq!(Arguments::parse(" "), Arguments::Object(Map::new()));
        assert_eq!(Arguments::parse("null"), Arguments::Object(Map::new()));
        assert!(
            matches!(Arguments::parse("{\"id\": \"store-a\"}"), Arguments::Object(object) if object["id"] == "store-a")
        );
        for broken in ["{\"id\": ", "[]", "7", "id=store-a"] {
            let parsed = Arguments::parse(broken);
            assert!(matches!(parsed, Arguments::Broken(_)), "{broken}");
            assert_eq!(parsed.object(), serde_json::json!({}));
        }
    }
}
