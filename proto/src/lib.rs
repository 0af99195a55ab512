//! The `sendstores.v1` gRPC contract, generated from `sendstores/v1/*.proto` and checked in, so that nobody needs a
//! protoc. `cargo test -p sendstores-proto` regenerates and compares.
//!
//! Features: `client` has the generated client, `server` the generated service trait.

pub mod access;

/// Messages, client and server of package `sendstores.v1`.
#[allow(unreachable_pub, missing_docs, clippy::all)]
pub mod v1 {
    include!("generated/sendstores.v1.rs");
}

/// The encoded `google.protobuf.FileDescriptorSet` of the contract with all it imports, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/sendstores.v1.bin");

/// The JSON Schema (2020-12) of every request, with the rules of its fields and the comments of the contract, as JSON. Fields
/// have the names of the contract: `page_size`.
pub const CONTRACT_SCHEMA: &str = include_str!("generated/contract.schema.json");

// === impl GetCredentialsResponse ===

/// Without the password, so that no log line can have it.
impl std::fmt::Debug for v1::GetCredentialsResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { admin_url, user, password: _ } = self;
        f.debug_struct("GetCredentialsResponse")
            .field("admin_url", admin_url)
            .field("user", user)
            .field("password", &"[hidden]")
            .finish()
    }
}

// === impl TokenServiceCreateResponse ===

/// Without the text of the token, so that no log line can have it.
impl std::fmt::Debug for v1::TokenServiceCreateResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { token, text: _ } = self;
        f.debug_struct("TokenServiceCreateResponse").field("token", token).field("text", &"[hidden]").finish()
    }
}
