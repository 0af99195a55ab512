//! Tools that create and delete stores.

use rmcp::model::{CallToolRequestParams, JsonObject};
use sendstores_client::{Catalogue, CreateStore, DeleteStore, PaymentMethod, Store};
use serde_json::Map;

use super::{Answer, Call, Effect, Facts, Outcome, Trouble};
use crate::{
    arguments::{self, Section, parse},
    gate::{self, Bound},
    render, schema,
};

pub(super) const CHECK_STORE: Facts = Facts {
    name: "check_store",
    title: "Check a new store",
    description: "Checks the settings of a new store as create_store would, and creates nothing.",
    needs: &["stores.create"],
    effect: Effect::Read,
    input: || schema::create(true),
    result: &["valid"],
};

pub(super) const CREATE_STORE: Facts = Facts {
    name: "create_store",
    title: "Create a store",
    description: "Creates a store, and answers at once with its id. It takes minutes until the store is READY: use \
                  wait_for_store. A repetition with the same request_id creates no second store.",
    needs: &["stores.create"],
    effect: Effect::Write,
    input: || schema::create(false),
    result: &["id", "state"],
};

pub(super) const DELETE_STORE: Facts = Facts {
    name: "delete_store",
    title: "Delete a store",
    description: "Deletes a store with its shop, its orders and its files, for good. Needs the etag from get_store. The human is \
                  asked to type the id of the store; where the client cannot ask, the call is refused.",
    needs: &["stores.delete"],
    effect: Effect::Destructive,
    input: schema::delete,
    result: &["id", "state"],
};

pub(super) async fn check_store(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments: arguments::Create = parse(arguments)?;
    if !arguments.request_id.is_empty() {
        return Err(Trouble::Arguments("unknown field `request_id`: a check has no effect to repeat".to_owned()));
    }
    let store = call.client.create(request(arguments)?.validate_only(true)).await?;
    let (known, written) = render::store(&store, &[Section::Spec]);
    let said = "Nothing is wrong. create_store would create this; without a store_id the server chooses another id.";
    let answer = Answer { said: said.to_owned(), known, written, more: None };
    Ok(answer.with("valid", true))
}

pub(super) async fn create_store(call: &Call<'_>, arguments: Option<JsonObject>) -> Result<Answer, Trouble> {
    let arguments = creation(arguments)?;
    let request_id = arguments.request_id.clone();
    let store = call.client.create(request(arguments)?.request_id(request_id)).await?;
    let said =
        format!("{} is accepted and {}. wait_for_store waits until it is READY.", store.id, render::state(&store));
    Ok(accepted(said, &store))
}

/// The arguments of a creation, which can be repeated.
fn creation(arguments: Option<JsonObject>) -> Result<arguments::Create, Trouble> {
    let arguments: arguments::Create = parse(arguments)?;
    if arguments.request_id.is_empty() {
        let why = "missing field `request_id`: choose a UUID, and keep it for repetitions";
        return Err(Trouble::Arguments(why.to_owned()));
    }
    Ok(arguments)
}

pub(super) async fn check_creation(call: &Call<'_>, arguments: JsonObject) -> Result<(), Trouble> {
    let create = request(creation(Some(arguments))?)?;
    call.client.create(create.validate_only(true)).await?;
    Ok(())
}

fn accepted(said: String, store: &Store) -> Answer {
    let answer = Answer::new(said, Map::new()).with("id", store.id.clone()).with("state", render::state(store));
    answer.with("url", store.url.clone()).with("etag", store.etag.clone())
}

fn request(arguments: arguments::Create) -> Result<CreateStore, Trouble> {
    let arguments::Create { request_id: _, store_id, tenant, labels, shop } = arguments;
    let mut create = CreateStore::new();
    if !store_id.is_empty() {
        create = create.id(store_id);
    }
    if !tenant.is_empty() {
        create = create.tenant(tenant);
    }
    create = labels.into_iter().fold(create, |create, (key, value)| create.label(key, value));
    settings(create, shop)
}

/// Sets one setting that is a text.
type SetText = fn(CreateStore, String) -> CreateStore;

fn settings(mut create: CreateStore, shop: arguments::Shop) -> Result<CreateStore, Trouble> {
    let arguments::Shop { title, admin_email, admin_user, country, currency, locale, timezone, .. } = shop;
    let arguments::Shop { taxes, tax_rate, prices_include_tax, weight_unit, dimension_unit, flat_rate, .. } = shop;
    let texts: [(Option<String>, SetText); 11] = [
        (title, CreateStore::title),
        (admin_email, CreateStore::admin_email),
        (admin_user, CreateStore::admin_user),
        (country, CreateStore::country),
        (currency, CreateStore::currency),
        (locale, CreateStore::locale),
        (timezone, CreateStore::timezone),
        (tax_rate, CreateStore::tax_rate),
        (weight_unit, CreateStore::weight_unit),
        (dimension_unit, CreateStore::dimension_unit),
        (flat_rate, CreateStore::flat_rate),
    ];
    for (text, set) in texts {
        if let Some(text) = text {
            create = set(create, text);
        }
    }
    for method in shop.payment_methods {
        let method = PaymentMethod::from_str_name(&format!("PAYMENT_METHOD_{}", method.to_uppercase()));
        create = create.payment_method(method.ok_or_else(|| unknown("payment_methods"))?);
    }
    if let Some(catalogue) = shop.catalogue {
        let catalogue = Catalogue::from_str_name(&format!("CATALOGUE_{}", catalogue.to_uppercase()));
        create = create.catalogue(catalogue.ok_or_else(|| unknown("catalogue"))?);
    }
    if let Some(taxes) = taxes {
        create = create.taxes(taxes);
    }
    Ok(match prices_include_tax {
        Some(include) => create.prices_include_tax(include),
        None => create,
    })
}

fn unknown(field: &str) -> Trouble {
    Trouble::Arguments(format!("shop.{field}: is not one of those in the schema"))
}

/// The arguments of a deletion, which is of one revision of the store.
fn deletion(arguments: Option<JsonObject>) -> Result<arguments::Delete, Trouble> {
    let arguments: arguments::Delete = parse(arguments)?;
    if arguments.etag.is_empty() {
        return Err(Trouble::Arguments("etag: must be that of the store, from get_store".to_owned()));
    }
    Ok(arguments)
}

pub(super) async fn check_deletion(call: &Call<'_>, arguments: JsonObject) -> Result<(), Trouble> {
    let arguments::Delete { id, etag } = deletion(Some(arguments))?;
    call.client.delete(DeleteStore::new(id).etag(etag).validate_only(true)).await?;
    Ok(())
}

pub(super) async fn delete_store(call: &Call<'_>, request: CallToolRequestParams) -> Result<Outcome, Trouble> {
    let CallToolRequestParams { arguments, input_responses, request_state, .. } = request;
    let arguments::Delete { id, etag } = deletion(arguments)?;
    let delete = || DeleteStore::new(&id).etag(&etag);
    if call.settings.unattended_delete {
        return deleted(call, &id, delete()).await;
    }
    let principal = call.client.principal().await?;
    let principal = format!("{:?} {} {}", principal.kind(), principal.name, principal.id);
    let bound = Bound { principal: &principal, id: &id, etag: &etag };
    if let Some(sealed) = request_state {
        return match call.gate.answered(&bound, &sealed, input_responses.as_ref()) {
            Ok(request_id) => deleted(call, &id, delete().request_id(request_id)).await,
            Err(why) => Err(forbidden(call, delete(), why).await),
        };
    }
    // Permission, id and etag are checked by the API before anybody is asked.
    call.client.delete(delete().validate_only(true)).await?;
    if gate::can_ask(call.context) {
        let store = call.client.get(&id).await?;
        return Ok(Outcome::Question(call.gate.ask(&bound, &store)?));
    }
    let why = Trouble::Refused(format!(
        "a human must confirm this, and this client cannot ask one in the middle of a call. Ask the human to run: \
         sendstores delete {id} --etag '{etag}'"
    ));
    Err(forbidden(call, delete(), why).await)
}

/// Why a store is not deleted, once the audit of the API has the attempt.
async fn forbidden(call: &Call<'_>, delete: DeleteStore, why: Trouble) -> Trouble {
    let _refusal = call.client.clone().read_only().delete(delete.validate_only(true)).await;
    why
}

async fn deleted(call: &Call<'_>, id: &str, delete: DeleteStore) -> Result<Outcome, Trouble> {
    let store = call.client.delete(delete).await?;
    let Some(store) = store else { return Err(Trouble::refused(format!("there is no store {id}"))) };
    let said = format!("{id} is {}. wait_for_store with until=deleted waits until it is gone.", render::state(&store));
    Ok(Outcome::Answer(accepted(said, &store)))
}
