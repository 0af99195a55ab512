//! The tools without the protocol, for a program that has a model and a human of its own.

use rmcp::model::{CallToolRequestParams, CallToolResponse, CallToolResult, JsonObject};
use sendstores_client::Error;
use serde_json::Value;

use crate::{
    Effect, Mcp,
    server::INSTRUCTIONS,
    tools::{Call, Tool, Trouble},
};

/// A tool, as a model is offered it.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Its name, unlike that of all others.
    pub name: &'static str,
    /// What it does, for a model to choose by.
    pub description: &'static str,
    /// What a call of it does.
    pub effect: Effect,
    /// JSON Schema (2020-12) of its arguments, an object.
    pub input: Value,
}

/// What a call came to.
#[derive(Clone, Debug)]
pub struct Called {
    /// For the model, at most 16 KiB: the result with what others wrote between marks, or what went wrong.
    pub text: String,
    /// What the server knows, without what others wrote. Null if the call failed.
    pub known: Value,
    /// Whether the tool was refused or did not succeed.
    pub failed: bool,
}

// === impl Mcp ===

impl Mcp {
    /// How to use the tools, for the model.
    pub const INSTRUCTIONS: &'static str = INSTRUCTIONS;

    /// The tools that the caller may use, always in the same order.
    ///
    /// # Errors
    /// The server does not say what this caller may do.
    pub async fn offered(&self) -> Result<Vec<Offered>, Error> {
        let principal = self.client().principal().await?;
        let offered = |tool: Tool| {
            let facts = tool.facts();
            Offered {
                name: facts.name,
                description: facts.description,
                effect: facts.effect,
                input: facts.schema().into(),
            }
        };
        Ok(self.tools_of(&principal).map(offered).collect())
    }

    /// What a call of a tool does; `None`: there is no such tool.
    pub fn effect(name: &str) -> Option<Effect> {
        Tool::named(name).map(|tool| tool.facts().effect)
    }

    /// Asks the server whether a call would succeed, and changes nothing. The server's audit has what it refuses.
    ///
    /// # Errors
    /// What the call would come to.
    pub async fn check(&self, name: &str, arguments: &JsonObject) -> Result<(), Called> {
        let tool = self.tool(name, arguments).await.map_err(|why| Called::failed(&why))?;
        let checked = tool.check(&self.call_in_process(), arguments.clone()).await;
        checked.map_err(|why| Called::failed(&why))
    }

    /// Calls a tool. There is no confirmation: a write needs [`Settings::write`](crate::Settings), and a deletion
    /// [`Settings::unattended_delete`](crate::Settings) too, whose human this program has asked.
    pub async fn run(&self, name: &str, arguments: JsonObject) -> Called {
        let tool = match self.tool(name, &arguments).await {
            Ok(tool) => tool,
            Err(why) => return Called::failed(&why),
        };
        let request = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        match tool.call(&self.call_in_process(), request).await {
            CallToolResponse::Complete(result) => Called::of(result),
            _ => Called::failed(&Trouble::refused("a human must confirm this")),
        }
    }

    /// Has the server's audit note a call that the human did not want.
    pub async fn declined(&self, name: &str, arguments: &JsonObject) {
        if let Some(tool) = Tool::named(name) {
            let _refusal = Box::pin(self.forbid(tool, arguments.clone())).await;
        }
    }

    async fn tool(&self, name: &str, arguments: &JsonObject) -> Result<Tool, Trouble> {
        let Some(tool) = Tool::named(name) else { return Err(Trouble::refused("there is no such tool")) };
        if self.has(tool) { Ok(tool) } else { Err(Box::pin(self.forbid(tool, arguments.clone())).await) }
    }

    fn call_in_process(&self) -> Call<'_> {
        self.call(None)
    }
}

// === impl Called ===

impl Called {
    fn of(result: CallToolResult) -> Self {
        let text = result.content.first().and_then(|block| block.as_text()).map(|text| text.text.clone());
        let mut known = result.structured_content.unwrap_or_default();
        if let Some(object) = known.as_object_mut() {
            object.remove("untrusted");
        }
        Self { text: text.unwrap_or_default(), known, failed: result.is_error == Some(true) }
    }

    fn failed(why: &Trouble) -> Self {
        Self { text: why.text(), known: Value::Null, failed: true }
    }
}
