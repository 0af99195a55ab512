//! A store as people read it.

use std::{fmt::Write, time::SystemTime};

use sendstores_client::{Catalogue, Engine, PaymentMethod, State, Store, Timestamp, v1};

use crate::text;

/// What to show of one step: on a terminal, off it, and in the view of a store.
pub(crate) struct StepLine {
    pub(crate) mark: char,
    pub(crate) took: String,
    pub(crate) text: String,
}

/// `READY`, or the number that a newer server sent.
pub(crate) fn state(store: &Store) -> String {
    match State::try_from(store.state) {
        Ok(state) => state.as_str_name().trim_start_matches("STATE_").to_owned(),
        Err(_) => format!("STATE {}", store.state),
    }
}

/// `woocommerce`; nothing for an engine of a newer server.
pub(crate) fn engine(engine: Engine) -> String {
    match engine {
        Engine::Unspecified => String::new(),
        known => known.as_str_name().trim_start_matches("ENGINE_").to_ascii_lowercase(),
    }
}

/// The stable reason, such as `DATABASE_UNAVAILABLE`.
pub(crate) fn reason(failure: &v1::Failure) -> String {
    failure.reason().as_str_name().trim_start_matches("REASON_").to_owned()
}

pub(crate) fn failure(failure: &v1::Failure) -> String {
    let reason = reason(failure);
    let place = if failure.step.is_empty() { String::new() } else { format!(" at {}", failure.step) };
    let again = match failure.retry_time {
        Some(at) => format!("tried again at {}", text::time(Some(at))),
        None => "not tried again".to_owned(),
    };
    text::line(&format!("{reason}{place}, attempt {}, {again}: {}", failure.attempt, failure.message))
}

/// `ROLLED_BACK`, or nothing for one of a newer server.
pub(crate) fn operation_state(operation: &v1::Operation) -> String {
    operation.state().as_str_name().trim_start_matches("STATE_").to_owned()
}

/// What an operation is for, how far it is, and what it does.
fn operation(operation: &v1::Operation) -> String {
    let kind = operation.kind().as_str_name().trim_start_matches("KIND_");
    let took = text::between(operation.start_time, operation.end_time).map(text::duration).unwrap_or_default();
    let parts = [kind, &operation_state(operation), &operation.detail, &took].map(str::to_owned);
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

/// Where a store is on its way, in a few words.
pub(crate) fn progress(store: &Store) -> String {
    if let Some(failure) = &store.failure {
        return format!("{} {}", failure.step, reason(failure)).trim().to_owned();
    }
    match store.steps.iter().find(|step| step.state() == v1::step::State::Running) {
        Some(step) if step.detail.is_empty() => step.name.clone(),
        Some(step) => text::line(&format!("{}: {}", step.name, step.detail)),
        None => String::new(),
    }
}

pub(crate) fn step(step: &v1::Step) -> StepLine {
    use v1::step::State as Step;
    let mark = match step.state() {
        Step::Succeeded => '✓',
        Step::Failed => '✗',
        Step::Running => '→',
        Step::Pending | Step::Unspecified => '·',
    };
    let took = text::between(step.start_time, step.end_time).map(text::duration).unwrap_or_default();
    let attempt = if step.attempt > 1 { format!("attempt {}", step.attempt) } else { String::new() };
    let parts: Vec<&str> =
        [attempt.as_str(), step.detail.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    StepLine { mark, took, text: text::line(&parts.join(", ")) }
}

/// How old a read that may be stale is at most.
pub(crate) fn as_of(fresh_time: Option<Timestamp>, now: SystemTime) -> String {
    format!("as of {} ago; what changed since may be missing", text::age(fresh_time, now))
}

/// Everything there is to know about one store.
pub(crate) fn store(store: &Store, now: SystemTime) -> String {
    let mut view = format!("{}  {}\n", store.id, state(store));
    fields(&mut view, store, now);
    if !store.steps.is_empty() {
        view.push_str("steps\n");
    }
    for one in &store.steps {
        let StepLine { mark, took, text } = step(one);
        let _ = writeln!(view, "{}", format!("  {mark} {:<12} {took:>7}  {text}", one.name).trim_end());
    }
    if !store.evidence.is_empty() {
        view.push_str("evidence\n");
    }
    for one in &store.evidence {
        let mark = if one.passed { '✓' } else { '✗' };
        let _ =
            writeln!(view, "  {mark} {:<12} {}  {}", one.check, text::time(one.check_time), text::line(&one.finding));
    }
    if !store.history.is_empty() {
        view.push_str("history\n");
    }
    for one in &store.history {
        let _ = writeln!(view, "{}", entry(one).trim_end());
    }
    if let Some(last) = &store.operation {
        let _ = writeln!(view, "operation\n  {}  {}", text::line(&last.id), text::line(&operation(last)));
        if let Some(why) = &last.failure {
            let _ = writeln!(view, "  {}", failure(why));
            diagnosis(&mut view, why);
        }
    }
    if let Some(why) = &store.failure {
        let _ = writeln!(view, "failure\n  {}", failure(why));
        diagnosis(&mut view, why);
    }
    view
}

/// What blocks, what was told of it, its log, and what to do.
fn diagnosis(view: &mut String, failure: &v1::Failure) {
    if let Some(found) = &failure.diagnosis {
        if !found.object.is_empty() {
            let _ = writeln!(view, "  {:<10} {}", "object", text::line(&found.object));
        }
        for event in &found.events {
            let told = format!("{}  {}: {}", text::time(event.time), event.reason, event.message);
            let _ = writeln!(view, "  {:<10} {}", "event", text::line(&told).trim());
        }
        for line in found.log_tail.lines() {
            let _ = writeln!(view, "  {:<10} {}", "log", text::line(line));
        }
    }
    if !failure.suggestion.is_empty() {
        let _ = writeln!(view, "  {:<10} {}", "to do", text::line(&failure.suggestion));
    }
}

/// What was done to a store by its last change, if that is in its history.
pub(crate) fn news(store: &Store) -> String {
    let newest = store.history.last().filter(|entry| entry.time.is_some() && entry.time == store.update_time);
    newest.map(event).unwrap_or_default()
}

fn event(entry: &v1::HistoryEntry) -> String {
    entry.event().as_str_name().trim_start_matches("EVENT_").to_lowercase().replace('_', " ")
}

fn entry(entry: &v1::HistoryEntry) -> String {
    let event = event(entry);
    let call = match entry.request_id.as_str() {
        "" => String::new(),
        id => format!("call {id}"),
    };
    let by = match entry.principal.as_str() {
        "" => String::new(),
        principal => format!(" by {principal}"),
    };
    text::line(&format!("  {:<20} {event:<17} {call}{by}", text::time(entry.time)))
}

fn fields(view: &mut String, store: &Store, now: SystemTime) {
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(view, "  {name:<10} {}", text::line(value));
        }
    };
    let labels: Vec<String> = store.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let after = text::between(store.create_time, store.ready_time).map(text::duration);
    field("url", &store.url);
    if let Some(shop) = store.spec.as_ref().and_then(|spec| spec.shop.as_ref()) {
        field("title", &shop.title);
        field("admin", &format!("{} <{}>", shop.admin_user, shop.admin_email));
        field("shop", &settings(shop));
    }
    field("release", &store.release.as_ref().map(release).unwrap_or_default());
    field("updates", &store.available_updates.iter().map(update).collect::<Vec<_>>().join(", "));
    field("tenant", &store.tenant);
    field("labels", &labels.join(", "));
    field("created", &format!("{} ({} ago)", text::time(store.create_time), text::age(store.create_time, now)));
    field("ready", &after.map(|after| format!("{} (after {after})", text::time(store.ready_time))).unwrap_or_default());
    let protected = store.spec.as_ref().is_some_and(|spec| spec.deletion_protection);
    field("protected", if protected { "from deletion" } else { "" });
    field("kept until", &store.purge_time.map(|at| text::time(Some(at))).unwrap_or_default());
    field("deleted", &store.delete_time.map(|at| text::time(Some(at))).unwrap_or_default());
    field("uid", &store.uid);
    field("etag", &store.etag);
    field("generation", &format!("{} (state speaks of {})", store.generation, store.observed_generation));
}

/// What a store runs: the name of the release and the versions, as far as they are known.
fn release(release: &v1::Release) -> String {
    let software = [("WordPress", &release.wordpress_version), ("WooCommerce", &release.woocommerce_version)];
    let versions = software.into_iter().filter(|(_, version)| !version.is_empty());
    let versions: Vec<String> = versions.map(|(software, version)| format!("{software} {version}")).collect();
    match versions.as_slice() {
        [] => release.name.clone(),
        versions => format!("{} ({})", release.name, versions.join(", ")).trim_start().to_owned(),
    }
}

/// `2026-12 (minor, security)`.
fn update(update: &v1::AvailableUpdate) -> String {
    use v1::available_update::Kind;
    let kind = match update.kind() {
        Kind::Patch => "patch",
        Kind::Minor => "minor",
        Kind::Major => "major",
        Kind::Unspecified => "",
    };
    let security = if update.security { "security" } else { "" };
    let parts: Vec<&str> = [kind, security].into_iter().filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => update.release.clone(),
        parts => format!("{} ({})", update.release, parts.join(", ")),
    }
}

fn settings(shop: &v1::ShopSettings) -> String {
    let payments: Vec<&str> = shop.payment_methods().map(payment).collect();
    let catalogue = match shop.catalogue() {
        Catalogue::Empty => "empty catalogue",
        Catalogue::Sample | Catalogue::Unspecified => "sample catalogue",
    };
    let parts = [&shop.country, &shop.currency, &shop.locale, &shop.timezone].map(String::as_str);
    let taxes = match (shop.taxes, shop.prices_include_tax) {
        (false, _) => "no taxes".to_owned(),
        // One of an older server, which asked for no rate.
        (true, _) if shop.tax_rate.is_empty() => "taxes without a rate: it sells without tax".to_owned(),
        (true, false) => format!("taxes {}%", shop.tax_rate),
        (true, true) => format!("taxes {}% (in the prices)", shop.tax_rate),
    };
    format!("{}, {taxes}, {}, shipping {}, {catalogue}", parts.join(", "), payments.join(" + "), shop.flat_rate)
}

fn payment(method: PaymentMethod) -> &'static str {
    match method {
        PaymentMethod::CashOnDelivery => "cash on delivery",
        PaymentMethod::BankTransfer => "bank transfer",
        PaymentMethod::Unspecified => "another way to pay",
    }
}

#[cfg(test)]
pub(crate) mod tests;
