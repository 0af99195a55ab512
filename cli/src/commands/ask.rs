//! `sendstores ask` and `sendstores chat`.

use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin};

use sendstores_client::RetryPolicy;
use sendstores_mcp::{Mcp, Settings as Tools};

use crate::{
    args::{AskArgs, ChatArgs, Global, ModelArgs},
    ask::{Agent, Endpoint, Limits, Settings, Transcript, Writes},
    failure::{Exit, Failure},
};

use super::target;

/// Bytes of a question.
const LONGEST: usize = 16 * 1024;

pub(super) async fn ask(global: &Global, args: AskArgs) -> Result<(), Failure> {
    let AskArgs { question, model } = args;
    let question = checked(&question)?;
    if question.is_empty() {
        return Err(Failure::new(Exit::Failed, "the question is empty")
            .hint("such as: sendstores ask 'which stores are stuck?'"));
    }
    let mut agent = Box::pin(agent(global, &model)).await?;
    let mut conversation = agent.conversation();
    Box::pin(agent.answer(&mut conversation, question)).await
}

pub(super) async fn chat(global: &Global, args: ChatArgs) -> Result<(), Failure> {
    let ChatArgs { model } = args;
    let mut agent = Box::pin(agent(global, &model)).await?;
    let mut conversation = agent.conversation();
    let with_human = is_terminal();
    while let Some(line) = next_line(with_human)? {
        let question = match checked(&line)? {
            "" => continue,
            "exit" | "quit" => break,
            question => question,
        };
        match Box::pin(agent.answer(&mut conversation, question)).await {
            // A human can ask again; a program could not tell which answer is missing.
            Err(failure) if with_human => drop(failure.report(global.json)),
            answered => answered?,
        }
    }
    Ok(())
}

async fn agent(global: &Global, model: &ModelArgs) -> Result<Agent, Failure> {
    let endpoint = Endpoint::new(Settings::find(model)?)?;
    let writes = match model.dry_run {
        true => Writes::Checked,
        // A program that reads the transcript does not answer questions.
        false if is_terminal() && !global.json => Writes::Confirmed,
        false => Writes::Refused,
    };
    let target = target(global)?;
    let retry = RetryPolicy::default().call_budget(global.timeout).stream_budget(Some(global.timeout));
    let builder = target.builder()?.program(concat!("sendstores-ask/", env!("CARGO_PKG_VERSION")));
    let client = builder.timeout(global.timeout).retry(retry).connect_lazy(&target.server)?;
    // The human is asked by this program, with the id typed back.
    let tools = Tools { write: writes != Writes::Refused, unattended_delete: writes == Writes::Confirmed };
    let limits = Limits { turn: model.turn_timeout, tokens: model.max_tokens };
    Agent::new(endpoint, Mcp::new(client, tools), writes, limits, Transcript::new(global.json)).await
}

/// Whether there is a human who can be asked.
fn is_terminal() -> bool {
    stdin().is_terminal() && stderr().is_terminal()
}

fn checked(question: &str) -> Result<&str, Failure> {
    if question.len() > LONGEST {
        return Err(Failure::new(Exit::Failed, format!("a question may have {} KiB", LONGEST / 1024)));
    }
    Ok(question.trim())
}

/// `None` at the end of the input.
fn next_line(with_human: bool) -> Result<Option<String>, Failure> {
    if with_human {
        write!(stderr(), "> ")?;
        stderr().flush()?;
    }
    let mut line = String::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 2;
    let read = stdin().lock().take(most).read_line(&mut line);
    let bytes = read.map_err(|why| Failure::new(Exit::Failed, format!("cannot read a question: {why}")))?;
    Ok((bytes > 0).then_some(line))
}
