//! The smallest engine: one page and no database. It is made with nothing but what the server offers to engines
//! (`provision::kit`), and so shows what an engine takes: this file, a chart, and a row in a registry.

use sendstores_core::{
    Engine, EngineFacts, Engines, Evidence, Failure, FailureReason, Pipeline, StepFacts, StepName, Store, StoreId,
    Timestamp,
    evidence::Check,
    observed::{Progress, Seen},
    provisioner::StepError,
};
use sendstores_server::provision::kit::{
    self, Context, CredentialsDef, DiagnosisDef, EngineDef, Kind, LogDef, Question, Registry, Reply, StepDef, Watches,
    Workload,
};

/// The engine beside the real one, as a server would have it.
pub const REGISTRY: Registry = Registry { engines: &ALL, facts: Engines::new(&ALL_FACTS) };

const ALL: [&EngineDef; 2] = [kit::ENGINES.engines[0], &ENGINE];
const ALL_FACTS: [EngineFacts; 2] = [ALL[0].facts, ALL[1].facts];

pub const ENGINE: EngineDef = EngineDef {
    facts: EngineFacts {
        engine: Engine::new("static-page"),
        pipeline: Pipeline::new(&FACTS).proved_by(&[PAGE_CHECK]),
        advise,
    },
    steps: &STEPS,
    application: PAGE,
    port: 8080,
    volumes: &[],
    deadlines: &[],
    credentials: CredentialsDef {
        keys: &[("password", 24)],
        password: "password",
        login_path: "/",
        user: |_| "editor".to_owned(),
    },
    run_jobs: |_, _| Box::pin(std::future::ready(Ok(()))),
    diagnosis: DiagnosisDef {
        // Its log is one of visits.
        log: LogDef { shown: |_| Vec::new(), fatal: &[], fatal_reason: FailureReason::ApplicationUnavailable },
        inside: |_, _, _| Box::pin(std::future::ready(Ok(None))),
    },
    backup: None,
};

/// What is looked at.
const PAGE_CHECK: Check = Check::new("page");

/// Its own words where it has better ones.
fn advise(id: &StoreId, failure: &Failure) -> String {
    match failure.reason {
        FailureReason::StorefrontUnavailable => {
            format!("Put the page back: kubectl -n {id} rollout restart deployment/{}", PAGE.name)
        }
        _ => kit::usual_advice(id, failure),
    }
}

/// Its Deployment, Service and Ingress.
const PAGE: Workload = Workload { kind: Kind::Deployment, name: "page" };

const STEPS: [StepDef; 5] = [
    kit::NAMESPACE,
    kit::CREDENTIALS,
    kit::release::STEP,
    StepDef {
        facts: step("page", false),
        observe: |context, store, expect| {
            Box::pin(kit::workload::observe(context, store, expect, PAGE, FailureReason::ApplicationUnavailable))
        },
        ensure: |context, store| Box::pin(kit::release::ensure(context, store)),
        watches: Watches::Workload(PAGE),
    },
    StepDef {
        facts: step("front", true),
        observe: |context, store, _| Box::pin(observe_front(context, store)),
        ensure: |context, store| Box::pin(kit::release::make(context, store, true)),
        watches: Watches::Inside(PAGE),
    },
];

const FACTS: [StepFacts; STEPS.len()] = kit::facts(&STEPS);

const fn step(name: &'static str, proves_ready: bool) -> StepFacts {
    let usual_reason =
        if proves_ready { FailureReason::StorefrontUnavailable } else { FailureReason::ApplicationUnavailable };
    StepFacts { name: StepName::new(name), creates_namespace: false, proves_ready, usual_reason }
}

/// Exposed, and its page is there.
async fn observe_front(context: &Context, store: &Store) -> Result<Seen<Progress>, StepError> {
    if !kit::release::is_exposed(context, store).await? {
        return Ok(kit::partial("the page is not exposed yet"));
    }
    let found = match context.ask(store, Question::get(PAGE.name, "/")).await? {
        Reply::Shop(answer) if answer.status == 200 => Ok(format!("a page of {} bytes", answer.body.len())),
        Reply::Shop(answer) => Err(format!("status {}", answer.status)),
        Reply::Unreachable(why) => Err(why),
    };
    let sells = found.is_ok();
    if !sells && !kit::workload::exist(context, store, &[PAGE]).await? {
        return Ok(kit::partial("the page's workload is gone"));
    }
    let evidence = vec![Evidence::new(PAGE_CHECK, found, Timestamp::from(std::time::SystemTime::now()))];
    Ok(Seen::Known(if sells { Progress::Done(evidence) } else { Progress::Failing(evidence) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_advised_in_the_words_of_the_stores_engine() {
        let id: StoreId = "store-a".parse().expect("valid");
        let advised = |reason| {
            let message = "page: status 500".to_owned();
            let failure = Failure { reason, message, step: None, attempt: 1, retry_time: None, diagnosis: None };
            REGISTRY.facts.suggestion(ENGINE.facts.engine, &id, &failure)
        };
        let own = advised(FailureReason::StorefrontUnavailable);
        assert_eq!(own, "Put the page back: kubectl -n store-a rollout restart deployment/page");
        let shared = advised(FailureReason::ImageUnavailable);
        assert!(shared.ends_with("kubectl -n store-a describe pods"), "{shared}");
        for reason in FailureReason::ALL {
            let text = advised(reason);
            assert!(
                !text.contains("wordpress") && !text.contains("mysql") && !text.contains("wp "),
                "{reason}: {text}"
            );
        }
    }
}
