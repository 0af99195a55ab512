//! `sendstores tenant`.

use comfy_table::{Table, presets};
use futures::TryStreamExt;
use sendstores_client::{
    Error,
    v1::{Tenant, TenantServiceListResponse},
};

use crate::{
    args::{Global, TenantCommand},
    failure::Failure,
    output, text,
};

use super::connect;

pub(super) async fn run(global: &Global, command: TenantCommand) -> Result<(), Failure> {
    let client = connect(global).await?;
    match command {
        TenantCommand::Create(args) => show(global, &client.create_tenant(args.into_request()).await.map_err(failure)?),
        TenantCommand::Get { id } => show(global, &client.get_tenant(id).await.map_err(failure)?),
        TenantCommand::Update(args) => show(global, &client.update_tenant(args.into_request()).await.map_err(failure)?),
        TenantCommand::List => {
            let tenants: Vec<Tenant> = client.list_tenants().try_collect().await?;
            if global.json {
                return output::document(&TenantServiceListResponse { tenants, next_page_token: String::new() });
            }
            if tenants.is_empty() {
                output::note("no tenant is declared");
                return Ok(());
            }
            output::print(&table(&tenants))
        }
        TenantCommand::Delete { id } => {
            client.delete_tenant(&id).await.map_err(failure)?;
            output::print(&text::line(&format!("tenant {id} is no longer declared")))
        }
    }
}

fn show(global: &Global, tenant: &Tenant) -> Result<(), Failure> {
    if global.json { output::document(tenant) } else { output::print(&table(std::slice::from_ref(tenant))) }
}

/// What to do next, in the words of tenants.
fn failure(error: Error) -> Failure {
    let hint = match error.reason() {
        Some("TENANT_NOT_FOUND") => "`sendstores tenant list` shows the tenants that are declared",
        Some("TENANT_NOT_EMPTY") => "`sendstores list --tenant ID` shows its stores",
        Some("TENANT_EXISTS") => "`sendstores tenant update` changes it",
        _ => return error.into(),
    };
    Failure::from(error).hint(hint)
}

/// One line for each tenant.
fn table(tenants: &[Tenant]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "ID",
        "NAME",
        "STORES",
        "MOST STORES",
        "CREATES A MINUTE",
        "CALLS A SECOND",
        "WATCHES",
        "MADE AT ONCE",
        "DECLARED",
    ]);
    for tenant in tenants {
        let limits = tenant.limits.unwrap_or_default();
        let limit = |limit: Option<i32>| limit.map_or_else(|| "default".to_owned(), |limit| limit.to_string());
        let cells = [
            tenant.id.clone(),
            tenant.display_name.clone(),
            tenant.used.unwrap_or_default().stores.to_string(),
            limit(limits.stores),
            limit(limits.creates_per_minute),
            limit(limits.calls_per_second),
            limit(limits.watches),
            limit(limits.provisioning_at_once),
            text::time(tenant.create_time),
        ];
        table.add_row(cells.map(|cell| text::line(&cell)));
    }
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use sendstores_client::v1::{TenantLimits, TenantUsage};

    use super::*;

    #[test]
    fn tenants_are_listed_with_what_they_have_and_may_have() {
        let tenant = Tenant {
            id: "acme".to_owned(),
            display_name: "Acme\n".to_owned(),
            limits: Some(TenantLimits { stores: Some(7), watches: Some(2), ..TenantLimits::default() }),
            used: Some(TenantUsage { stores: 3 }),
            ..Tenant::default()
        };
        let table = table(&[tenant]);
        let row: Vec<_> = table.lines().nth(1).expect("a row").split_whitespace().collect();
        assert_eq!(row, ["acme", "Acme", "3", "7", "default", "default", "2", "default", "-"]);
    }
}
