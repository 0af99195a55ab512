//! Messages as the JSON that proto3 defines: camelCase names, enums by name, times as RFC 3339, 64-bit numbers as
//! strings. Made from the contract's own descriptors, so that a new field is never forgotten.

use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions, prost::Message};
use sendstores_client::{FILE_DESCRIPTOR_SET, Store, v1};
use serde_json::Value;

use crate::failure::{Exit, Failure};

/// A message that is printed, by its full name in the contract.
pub(crate) trait Named: Message {
    const NAME: &str;
}

impl Named for Store {
    const NAME: &str = "sendstores.v1.Store";
}

impl Named for v1::ListResponse {
    const NAME: &str = "sendstores.v1.ListResponse";
}

impl Named for v1::ListReleasesResponse {
    const NAME: &str = "sendstores.v1.ListReleasesResponse";
}

impl Named for v1::DeleteResponse {
    const NAME: &str = "sendstores.v1.DeleteResponse";
}

impl Named for v1::UndeleteResponse {
    const NAME: &str = "sendstores.v1.UndeleteResponse";
}

impl Named for v1::UpdateResponse {
    const NAME: &str = "sendstores.v1.UpdateResponse";
}

impl Named for v1::RetryOperationResponse {
    const NAME: &str = "sendstores.v1.RetryOperationResponse";
}

impl Named for v1::CancelOperationResponse {
    const NAME: &str = "sendstores.v1.CancelOperationResponse";
}

impl Named for v1::SuspendResponse {
    const NAME: &str = "sendstores.v1.SuspendResponse";
}

impl Named for v1::ResumeResponse {
    const NAME: &str = "sendstores.v1.ResumeResponse";
}

impl Named for v1::GetCredentialsResponse {
    const NAME: &str = "sendstores.v1.GetCredentialsResponse";
}

impl Named for v1::Principal {
    const NAME: &str = "sendstores.v1.Principal";
}

impl Named for v1::TokenServiceCreateResponse {
    const NAME: &str = "sendstores.v1.TokenServiceCreateResponse";
}

impl Named for v1::TokenServiceListResponse {
    const NAME: &str = "sendstores.v1.TokenServiceListResponse";
}

impl Named for v1::Token {
    const NAME: &str = "sendstores.v1.Token";
}

impl Named for v1::AuditServiceListResponse {
    const NAME: &str = "sendstores.v1.AuditServiceListResponse";
}

impl Named for v1::TenantServiceListResponse {
    const NAME: &str = "sendstores.v1.TenantServiceListResponse";
}

impl Named for v1::Backup {
    const NAME: &str = "sendstores.v1.Backup";
}

impl Named for v1::ListBackupsResponse {
    const NAME: &str = "sendstores.v1.ListBackupsResponse";
}

impl Named for v1::Tenant {
    const NAME: &str = "sendstores.v1.Tenant";
}

impl Named for v1::WatchStatusResponse {
    const NAME: &str = "sendstores.v1.WatchStatusResponse";
}

/// The JSON of a message, with its keys sorted.
pub(crate) fn value<M: Named>(message: &M) -> Result<Value, Failure> {
    render(M::NAME, &message.encode_to_vec())
        .map_err(|why| Failure::new(Exit::Failed, format!("cannot print {}: {why}", M::NAME)))
}

fn render(name: &str, bytes: &[u8]) -> Result<Value, Box<dyn std::error::Error>> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)?;
    let descriptor = pool.get_message_by_name(name).ok_or("the contract has no such message")?;
    let message = DynamicMessage::decode(descriptor, bytes)?;
    // A script that asks for `.labels` or `.spec.shop.taxes` finds them, be they empty or false.
    let options = SerializeOptions::new().skip_default_fields(false);
    let mut value = message.serialize_with_options(serde_json::value::Serializer, &options)?;
    value.sort_all_objects();
    Ok(value)
}

#[cfg(test)]
mod tests {
    use sendstores_client::Timestamp;

    use super::*;
    use crate::view::tests::sample;

    #[test]
    fn a_store_is_printed_as_proto3_json() {
        insta::assert_json_snapshot!(value(&sample()).expect("json"));
    }

    #[test]
    fn an_empty_list_still_has_its_stores() {
        let value = value(&v1::ListResponse::default()).expect("json");
        let empty = serde_json::json!({
            "stores": [], "nextPageToken": "", "revision": "0", "resumeToken": "", "totalSize": 0
        });
        assert_eq!(value, empty);
    }

    #[test]
    fn an_event_has_only_what_happened() {
        let heartbeat = v1::Heartbeat { server_time: Some(Timestamp { seconds: 1_800_000_000, nanos: 5_000_000 }) };
        let event = Some(v1::watch_status_response::Event::Heartbeat(heartbeat));
        let value =
            value(&v1::WatchStatusResponse { event, revision: u64::MAX, resume_token: "t".to_owned() }).expect("json");
        assert_eq!(
            value,
            serde_json::json!({
                "heartbeat": {"serverTime": "2027-01-15T08:00:00.005Z"},
                "revision": "18446744073709551615",
                "resumeToken": "t",
            })
        );
    }
}
