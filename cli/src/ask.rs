//! `sendstores ask` and `sendstores chat`: a model that the user chooses answers, with the tools for assistants.
//!
//! The model chooses tools, this program calls them: with the rights of the user, each write only after the user agreed. The
//! endpoint of the model gets the conversation and no credential of the server; the server gets no key of the endpoint.

mod agent;
mod anthropic;
mod confirm;
mod conversation;
mod endpoint;
mod fault;
mod format;
mod openai;
mod settings;
mod transcript;

pub(crate) use agent::{Agent, Limits, Writes};
pub(crate) use endpoint::Endpoint;
pub(crate) use settings::Settings;
pub(crate) use transcript::Transcript;
