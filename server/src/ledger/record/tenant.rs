//! The stored form of a tenant.

use sendstores_core::{Revision, Tenant, Timestamp, tenant::TenantState};
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
    create_time: i64,
    update_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete_time: Option<i64>,
}

// === impl Tenant ===

impl Stored for Tenant {
    type Form<'a> = TenantRecord<'a>;

    const VERSION: u32 = 1;

    fn form(&self) -> TenantRecord<'_> {
        let Self { id, uid, display_name, state, revision: _, create_time, update_time, delete_time, unknown: _ } =
            self;
        TenantRecord {
            version: Self::VERSION,
            id: id.as_str().into(),
            uid: uid.as_str().into(),
            display_name: display_name.as_str().into(),
            state: state.as_str().into(),
            create_time: create_time.as_micros(),
            update_time: update_time.as_micros(),
            delete_time: delete_time.map(Timestamp::as_micros),
        }
    }

    fn of_form(form: TenantRecord<'_>, revision: Revision) -> Result<Self, String> {
        let TenantRecord { version, id, uid, display_name, state, create_time, update_time, delete_time } = form;
        check_version(version, Self::VERSION)?;
        Ok(Self {
            id: parse("id", &id)?,
            uid: parse("uid", &uid)?,
            display_name: parse("display_name", &display_name)?,
            state: kept("state", &state, TenantState::kept)?,
            revision,
            create_time: Timestamp::from_micros(create_time),
            update_time: Timestamp::from_micros(update_time),
            delete_time: delete_time.map(Timestamp::from_micros),
            unknown: None,
        })
    }
}
