//! The loop: the model replies, its calls are made, their results go back, until there is an answer or a bound is reached.

use std::{
    io::{stderr, stdin},
    time::Duration,
};

use sendstores_mcp::{Called, Effect, Mcp, Offered};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout};

use super::{
    confirm::{Decision, confirm},
    conversation::{self, Arguments, Call, CallResult, Conversation, Message, Reply, Tokens},
    endpoint::Endpoint,
    transcript::{Cost, Outcome, Transcript},
};
use crate::failure::{Exit, Failure};

/// Replies to one question.
const TURNS: u32 = 12;
/// Calls of one reply that are made.
const CALLS: usize = 8;
/// Bytes of a token where the endpoint does not count them; few, so that the estimate is high.
const BYTES_OF_TOKEN: u64 = 3;

/// What becomes of calls that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// They are refused, and no such tool is offered.
    Refused,
    /// The server checks them; none is done.
    Checked,
    /// The human at the terminal is asked for each.
    Confirmed,
}

/// What one question may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long the tools of one reply may take, the human's time aside.
    pub(crate) turn: Duration,
    pub(crate) tokens: u64,
}

/// A model with tools.
pub(crate) struct Agent {
    endpoint: Endpoint,
    mcp: Mcp,
    tools: Vec<Offered>,
    writes: Writes,
    limits: Limits,
    transcript: Transcript,
}

// === impl Writes ===

impl Writes {
    fn said(self) -> &'static str {
        match self {
            Self::Refused => {
                "You can only read: say which command of `sendstores` the user can run to change something."
            }
            Self::Checked => "This is a dry run: calls that change something are checked and not done.",
            Self::Confirmed => {
                "The user is asked before each call that changes something. Make one only if the user asked for it."
            }
        }
    }
}

// === impl Agent ===

impl Agent {
    /// With the tools that the user may use.
    ///
    /// # Errors
    /// The server does not answer, or refuses the user.
    pub(crate) async fn new(
        endpoint: Endpoint,
        mcp: Mcp,
        writes: Writes,
        limits: Limits,
        transcript: Transcript,
    ) -> Result<Self, Failure> {
        let tools = mcp.offered().await?;
        Ok(Self { endpoint, mcp, tools, writes, limits, transcript })
    }

    /// One in which nothing was said.
    pub(crate) fn conversation(&self) -> Conversation {
        let system = format!(
            "{}\n\nYou answer an operator at a terminal, in plain text without markup, in at most 20 lines. Look before you \
             answer: say only what the tools returned, name the stores, and say what you could not find out. {}",
            Mcp::INSTRUCTIONS,
            self.writes.said()
        );
        Conversation::new(system)
    }

    /// Answers a question. After an error, the conversation is as it was before.
    pub(crate) async fn answer(&mut self, conversation: &mut Conversation, question: &str) -> Result<(), Failure> {
        self.transcript.question(question)?;
        conversation.add(Message::Question(question.to_owned()));
        let answered = Box::pin(self.turns(conversation)).await;
        if answered.is_err() {
            conversation.forget_last_question();
        }
        answered
    }

    async fn turns(&mut self, conversation: &mut Conversation) -> Result<(), Failure> {
        let mut spent = Tokens::default();
        for turn in 1..=TURNS {
            conversation.fit(conversation::LONGEST)?;
            let sent = conversation.size();
            let mut reply = self.endpoint.reply(conversation, &self.tools).await?;
            let cost = reply.tokens.unwrap_or_else(|| estimate(sent, &reply));
            spent = Tokens { input: spent.input + cost.input, output: spent.output + cost.output };
            let Reply { ref text, ref mut calls, cut, .. } = reply;
            if calls.is_empty() {
                if text.is_empty() {
                    return Err(empty());
                }
                self.transcript.answer(text, cut, Cost { turns: turn, tokens: spent })?;
                conversation.add(Message::Reply { text: text.clone(), calls: Vec::new() });
                return Ok(());
            }
            if spent.all() > self.limits.tokens {
                return Err(too_dear(spent, self.limits.tokens));
            }
            conversation.identify(calls);
            if !text.is_empty() {
                self.transcript.remark(text)?;
            }
            let results = self.call_all(calls).await?;
            conversation.add(Message::Reply { text: reply.text, calls: reply.calls });
            conversation.add(Message::Results(results));
        }
        let why = format!("the model did not answer in {TURNS} turns");
        Err(Failure::new(Exit::Failed, why).hint("ask a narrower question, or use a larger model"))
    }

    /// One after the other, so that the human reads them in the order in which they are done.
    async fn call_all(&mut self, calls: &[Call]) -> Result<Vec<CallResult>, Failure> {
        let mut left = self.limits.turn;
        let mut results = Vec::new();
        for (i, call) in calls.iter().enumerate() {
            let called = if i < CALLS {
                self.call(call, &mut left).await?
            } else {
                failed(format!("Refused: a reply may have at most {CALLS} calls."))
            };
            results.push(CallResult { id: call.id.clone(), text: called.text, failed: called.failed });
        }
        Ok(results)
    }

    async fn call(&mut self, call: &Call, left: &mut Duration) -> Result<Called, Failure> {
        let Call { name, arguments, .. } = call;
        let effect = Mcp::effect(name);
        let shown = arguments.object();
        let (outcome, called) = match (effect, arguments) {
            (None, _) => {
                let names: Vec<_> = self.tools.iter().map(|tool| tool.name).collect();
                (Outcome::Failed, failed(format!("There is no such tool. These are there: {}.", names.join(", "))))
            }
            (Some(_), Arguments::Broken(why)) => (Outcome::Failed, failed(format!("The arguments are wrong: {why}"))),
            (Some(Effect::Read), Arguments::Object(arguments)) => {
                self.transcript.calling(name, arguments);
                let begin = Instant::now();
                let read = timeout(*left, Box::pin(self.mcp.run(name, arguments.clone()))).await;
                *left = left.saturating_sub(begin.elapsed());
                let called = read.unwrap_or_else(|_| failed("No result: the time of this turn is over.".to_owned()));
                (if called.failed { Outcome::Failed } else { Outcome::Done }, called)
            }
            (Some(effect), Arguments::Object(arguments)) => Box::pin(self.write(effect, name, arguments)).await?,
        };
        self.transcript.called(name, &shown, (effect, outcome), &called)?;
        Ok(called)
    }

    /// The server is asked first, so that the human decides about nothing that is refused anyway.
    async fn write(
        &self,
        effect: Effect,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Result<(Outcome, Called), Failure> {
        let checked = self.mcp.check(name, arguments).await;
        if checked.is_err() || self.writes != Writes::Confirmed {
            // Else the question shows it.
            self.transcript.calling(name, arguments);
        }
        if let Err(called) = checked {
            return Ok((Outcome::Failed, called));
        }
        match self.writes {
            Writes::Refused => Ok((Outcome::Failed, failed("Refused: only reads are allowed.".to_owned()))),
            Writes::Checked => {
                let text = "Not done, because this is a dry run. The server would accept the call.";
                Ok((Outcome::Checked, failed(text.to_owned())))
            }
            Writes::Confirmed => {
                // What was typed or pasted before the question is no answer to it. A terminal that cannot forget it is none.
                let forgotten = rustix::termios::tcflush(stdin(), rustix::termios::QueueSelector::IFlush);
                forgotten.map_err(|error| unread(error.into()))?;
                let asked = confirm(effect, name, arguments, &mut stdin().lock(), &mut stderr());
                if asked.map_err(unread)? == Decision::Declined {
                    self.mcp.declined(name, arguments).await;
                    let text = "The user declined this call: nothing is changed. Do not make it again.";
                    return Ok((Outcome::Declined, failed(text.to_owned())));
                }
                // It is bounded by the time of a call of the API: one that was cut off here might have been done.
                let called = self.mcp.run(name, arguments.clone()).await;
                Ok((if called.failed { Outcome::Failed } else { Outcome::Done }, called))
            }
        }
    }
}

/// A result that is of this program, and not of a tool.
fn failed(text: String) -> Called {
    Called { text, known: Value::Null, failed: true }
}

fn estimate(sent: usize, reply: &Reply) -> Tokens {
    let calls: usize = reply.calls.iter().map(|call| call.arguments.object().to_string().len()).sum();
    let tokens = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX) / BYTES_OF_TOKEN;
    Tokens { input: tokens(sent), output: tokens(reply.text.len() + calls) }
}

fn empty() -> Failure {
    Failure::new(Exit::Failed, "the model answered nothing").hint("ask again, or use another model (--ai-model)")
}

fn too_dear(spent: Tokens, most: u64) -> Failure {
    let message =
        format!("the question has cost {} tokens without an answer, more than the {most} of --max-tokens", spent.all());
    Failure::new(Exit::Failed, message).hint("ask a narrower question, or raise --max-tokens")
}

fn unread(error: std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot ask at the terminal: {error}"))
}
