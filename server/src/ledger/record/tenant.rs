//! The stored form of a tenant.

use sendstores_core::{Revision, Tenant, Timestamp, admission::TenantLimits, tenant::TenantState};
use serde::{Deserialize, Serialize};

use super::{Stored, check_version, kept, parse, text::Text};

#[derive(Serialize, Deserialize)]
pub(super) struct TenantRecord<'a> {
    version: u32,
    #[serde(borrow)]
    id: Text<'a>,
    uid: Text<'a>,
    display_name: Text<'a>,
    state: Text<'a>,
    #[serde(default, skip_serializing_if = "LimitsRecord::is_empty")]
    limits: LimitsRecord,
    create_time: i64,
    update_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete_time: Option<i64>,
}

/// The script of a write reads it, too (`redis/scripts/counts.lua`).
#[derive(Default, Serialize, Deserialize)]
struct LimitsRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stores: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    creates_per_minute: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calls_per_second: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    watches: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provisioning_at_once: Option<u32>,
}

// === impl LimitsRecord ===

impl LimitsRecord {
    fn is_empty(&self) -> bool {
        let Self { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once } = self;
        let all = [stores, creates_per_minute, calls_per_second, watches, provisioning_at_once];
        all.iter().all(|limit| limit.is_none())
    }
}

// === impl Tenant ===

impl Stored for Tenant {
    type Form<'a> = TenantRecord<'a>;

    const VERSION: u32 = 1;

    fn form(&self) -> TenantRecord<'_> {
        let Self {
            id,
            uid,
            display_name,
            state,
            limits,
            revision: _,
            create_time,
            update_time,
            delete_time,
            unknown: _,
        } = self;
        let TenantLimits { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once } = *limits;
        TenantRecord {
            version: Self::VERSION,
            id: id.as_str().into(),
            uid: uid.as_str().into(),
            display_name: display_name.as_str().into(),
            state: state.as_str().into(),
            limits: LimitsRecord { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once },
            create_time: create_time.as_micros(),
            update_time: update_time.as_micros(),
            delete_time: delete_time.map(Timestamp::as_micros),
        }
    }

    fn of_form(form: TenantRecord<'_>, revision: Revision) -> Result<Self, String> {
        let TenantRecord { version, id, uid, display_name, state, limits, create_time, update_time, delete_time } =
            form;
        check_version(version, Self::VERSION)?;
        let LimitsRecord { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once } = limits;
        Ok(Self {
            id: parse("id", &id)?,
            uid: parse("uid", &uid)?,
            display_name: parse("display_name", &display_name)?,
            state: kept("state", &state, TenantState::kept)?,
            limits: TenantLimits { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once },
            revision,
            create_time: Timestamp::from_micros(create_time),
            update_time: Timestamp::from_micros(update_time),
            delete_time: delete_time.map(Timestamp::from_micros),
            unknown: None,
        })
    }
}
