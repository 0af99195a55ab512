//! What tenants may have.

use clap::Args;
use sendstores_core::admission::{Quota, TenantLimits};

use super::check::{Problems, number};

/// The flags.
#[derive(Debug, Args)]
pub struct TenantArgs {
    /// Whose stores may be created: "open" (those of any tenant), or "closed" (those of tenants that TenantService has, and
    /// those without a tenant).
    #[arg(long, env = "SENDSTORES_TENANTS", default_value = "open")]
    pub tenants: String,
    /// Limit of tenants that have none of their own, as NAME=NUMBER: stores (that are not DELETED), creates-per-minute;
    /// on each replica, calls-per-second (of each caller with tenants), watches, and provisioning-at-once (stores that are made at
    /// the same time; others wait). May be repeated. Default: none.
    #[arg(long = "tenant-limit", env = "SENDSTORES_TENANT_LIMIT", value_name = "NAME=NUMBER", value_delimiter = ',')]
    pub tenant_limits: Vec<String>,
}

// === impl TenantArgs ===

impl TenantArgs {
    pub(super) fn check(self, problems: &mut Problems) -> Option<Quota> {
        let closed = match self.tenants.as_str() {
            "open" => Ok(false),
            "closed" => Ok(true),
            other => Err(format!("{other:?} is none of open, closed")),
        };
        let closed = problems.take("tenants", closed);
        let mut defaults = TenantLimits::default();
        for setting in &self.tenant_limits {
            problems.take("tenant-limit", set(&mut defaults, setting));
        }
        Some(Quota { defaults, closed: closed? })
    }
}

fn set(limits: &mut TenantLimits, setting: &str) -> Result<(), String> {
    let (name, value) = setting.split_once('=').ok_or_else(|| format!("{setting:?} is not NAME=NUMBER"))?;
    let (limit, range) = match name {
        "stores" => (&mut limits.stores, 0..=u64::from(TenantLimits::MOST_STORES)),
        "creates-per-minute" => (&mut limits.creates_per_minute, 1..=u64::from(TenantLimits::MOST_CREATES)),
        "calls-per-second" => (&mut limits.calls_per_second, 1..=u64::from(TenantLimits::MOST_CALLS)),
        "watches" => (&mut limits.watches, 0..=u64::from(TenantLimits::MOST_WATCHES)),
        "provisioning-at-once" => (&mut limits.provisioning_at_once, 1..=u64::from(TenantLimits::MOST_AT_ONCE)),
        _ => {
            let known = "stores, creates-per-minute, calls-per-second, watches, provisioning-at-once";
            return Err(format!("{setting:?}: {name} is none of {known}"));
        }
    };
    *limit = u32::try_from(number(value, range).map_err(|why| format!("{name}: {why}"))?).ok();
    Ok(())
}

/// As `name = value`, one a flag.
pub(super) fn print(quota: &Quota) -> [(&'static str, String); 2] {
    let Quota { defaults, closed } = quota;
    let TenantLimits { stores, creates_per_minute, calls_per_second, watches, provisioning_at_once } = defaults;
    let named = [
        ("stores", stores),
        ("creates-per-minute", creates_per_minute),
        ("calls-per-second", calls_per_second),
        ("watches", watches),
        ("provisioning-at-once", provisioning_at_once),
    ];
    let given = named.iter().filter_map(|(name, limit)| limit.map(|limit| format!("{name}={limit}")));
    let tenants = if *closed { "closed" } else { "open" };
    [("tenants", tenants.to_owned()), ("tenant-limit", given.collect::<Vec<_>>().join(","))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_set_by_name_and_a_wrong_one_is_named() {
        let mut limits = TenantLimits::default();
        set(&mut limits, "stores=0").expect("a limit");
        set(&mut limits, "creates-per-minute=30").expect("a limit");
        let wanted = TenantLimits { stores: Some(0), creates_per_minute: Some(30), ..TenantLimits::default() };
        assert_eq!(limits, wanted);
        let printed = print(&Quota { defaults: limits, closed: true });
        assert_eq!(printed.map(|(_, value)| value), ["closed", "stores=0,creates-per-minute=30"]);
        for bad in ["stores", "stores=-1", "stores=many", "creates-per-minute=0", "creates-per-minute=6001", "shops=1"]
        {
            assert!(set(&mut limits, bad).is_err(), "{bad}");
        }
    }
}
