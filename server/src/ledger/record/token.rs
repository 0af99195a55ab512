//! The stored form of a token.

use std::collections::BTreeSet;

use sendstores_core::{Permission, Revision, Role, Scope, Timestamp, Token, token::TokenDigest};
use serde::{Deserialize, Serialize};

use super::{Stored, check_version, kept, parse, text::Text};

/// A field that narrows what a token may do raises the version: a program that does not know the field must refuse the
/// token, and not take it for one that may do more.
#[derive(Serialize, Deserialize)]
pub(super) struct TokenRecord<'a> {
    version: u32,
    #[serde(borrow)]
    id: Text<'a>,
    name: Text<'a>,
    sha256: Text<'a>,
    role: Text<'a>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tenants: Vec<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    abilities: Option<Vec<Text<'a>>>,
    creator: Text<'a>,
    create_time: i64,
    update_time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expire_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoke_time: Option<i64>,
}

// === impl Token ===

impl Stored for Token {
    type Form<'a> = TokenRecord<'a>;

    const VERSION: u32 = 1;

    fn form(&self) -> TokenRecord<'_> {
        let Self {
            id,
            name,
            digest,
            role,
            scope,
            abilities,
            creator,
            revision: _,
            create_time,
            update_time,
            expire_time,
            revoke_time,
            unknown: _,
        } = self;
        let names = |all: &BTreeSet<Permission>| all.iter().map(|one| one.as_str().into()).collect();
        TokenRecord {
            version: Self::VERSION,
            id: id.as_str().into(),
            name: name.as_str().into(),
            sha256: digest.to_string().into(),
            role: role.as_str().into(),
            tenants: scope.tenants().map(|tenant| tenant.as_str().into()).collect(),
            abilities: abilities.as_ref().map(names),
            creator: creator.into(),
            create_time: create_time.as_micros(),
            update_time: update_time.as_micros(),
            expire_time: expire_time.map(Timestamp::as_micros),
            revoke_time: revoke_time.map(Timestamp::as_micros),
        }
    }

    fn of_form(form: TokenRecord<'_>, revision: Revision) -> Result<Self, String> {
        check_version(form.version, Self::VERSION)?;
        let role = kept("role", &form.role, Role::kept)?;
        let tenants = form.tenants.iter().map(|tenant| parse("tenants", tenant)).collect::<Result<Vec<_>, _>>()?;
        let ability = |name: &Text<'_>| kept("abilities", name, Permission::kept);
        let abilities = form.abilities.map(|all| all.iter().map(ability).collect()).transpose()?;
        Ok(Self {
            id: parse("id", &form.id)?,
            name: parse("name", &form.name)?,
            digest: TokenDigest::parse(&form.sha256).map_err(|why| format!("sha256 {why}"))?,
            role,
            scope: Scope::of_role(role, tenants).map_err(|why| why.to_string())?,
            abilities,
            creator: form.creator.into_owned(),
            revision,
            create_time: Timestamp::from_micros(form.create_time),
            update_time: Timestamp::from_micros(form.update_time),
            expire_time: form.expire_time.map(Timestamp::from_micros),
            revoke_time: form.revoke_time.map(Timestamp::from_micros),
            unknown: None,
        })
    }
}
