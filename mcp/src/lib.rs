//! SendStores for assistants: an MCP server (Model Context Protocol) whose tools are calls of the API.
//!
//! A tool does nothing that its caller may not do: each is a call of [`sendstores_client::Client`] with the caller's own
//! token, so it has the same permissions, limits and audit as any other call. What merchants and clusters wrote is marked as
//! data, no tool returns a credential, and a store is deleted only after a human has typed its id.

mod arguments;
mod docs;
mod fit;
mod gate;
#[cfg(feature = "http")]
mod http;
mod in_process;
mod prompts;
#[cfg(feature = "http")]
mod protected_resource;
mod render;
mod resources;
mod schema;
mod server;
mod tools;
mod untrusted;

#[cfg(feature = "http")]
pub use http::{Answer, Tools};
pub use in_process::{Called, Offered};
pub use server::{Mcp, Settings};
pub use tools::Effect;
pub use untrusted::visible;
