//! `sendstores update`.

use sendstores_client::{ChangeStore, UpdateStore, v1::UpdateResponse};

use crate::{
    args::{Global, UpdateArgs},
    failure::Failure,
    output, text,
};

use super::connect;

pub(super) async fn run(global: &Global, args: UpdateArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let UpdateArgs { id, deletion_protection, etag, request_id, validate_only } = args;
    let mut store = ChangeStore::new(id).validate_only(validate_only);
    if let Some(etag) = etag {
        store = store.etag(etag);
    }
    if let Some(request_id) = request_id {
        store = store.request_id(request_id);
    }
    let mut request = UpdateStore::new(store);
    if let Some(protected) = deletion_protection {
        request = request.deletion_protection(protected);
    }
    let store = client.update(request).await?;
    if global.json {
        return output::document(&UpdateResponse { store: Some(store) });
    }
    let protected = store.spec.as_ref().is_some_and(|spec| spec.deletion_protection);
    let is = if validate_only { "would be" } else { "is" };
    let how = if protected { "protected from deletion" } else { "no longer protected from deletion" };
    output::print(&format!("{} {is} {how}", text::line(&store.id)))
}
