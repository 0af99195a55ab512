//! `sendstores audit`.

use std::time::SystemTime;

use comfy_table::{Table, presets};
use futures::{StreamExt, TryStreamExt};
use sendstores_client::v1::{AuditEntry, AuditServiceListResponse};

use crate::{
    args::{AuditArgs, Global},
    failure::Failure,
    output, text,
};

use super::connect;

pub(super) async fn run(global: &Global, args: AuditArgs) -> Result<(), Failure> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let entries = connect(global).await?.list_audit(args.into_filter(SystemTime::now()));
    let entries: Vec<AuditEntry> = entries.take(limit).try_collect().await?;
    if global.json {
        return output::document(&AuditServiceListResponse { entries, next_page_token: String::new() });
    }
    if entries.is_empty() {
        output::note("no entries");
        return Ok(());
    }
    output::print(&table(&entries))
}

/// One line for each entry.
fn table(entries: &[AuditEntry]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "TIME",
        "DECISION",
        "METHOD",
        "RESOURCE",
        "PRINCIPAL",
        "FROM",
        "COUNT",
    ]);
    for entry in entries {
        let decision = entry.decision().as_str_name().trim_start_matches("DECISION_");
        let decision =
            if entry.reason.is_empty() { decision.to_owned() } else { format!("{decision} {}", entry.reason) };
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let cells = [
            text::time(entry.time),
            decision,
            entry.method.trim_start_matches("sendstores.v1.").to_owned(),
            or_none(&entry.resource),
            or_none(&entry.principal),
            or_none(&entry.peer),
            entry.count.to_string(),
        ];
        table.add_row(cells.map(|cell| text::line(&cell)));
    }
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use sendstores_client::v1::audit_entry::Decision;

    use super::*;

    #[test]
    fn an_entry_is_one_line_whatever_a_caller_wrote() {
        let entry = AuditEntry {
            method: "sendstores.v1.StoreService/Delete".to_owned(),
            principal: "token:ci#4fKq0ZpL2x\n".to_owned(),
            decision: Decision::Denied.into(),
            reason: "PERMISSION_DENIED".to_owned(),
            count: 3,
            ..AuditEntry::default()
        };
        let table = table(&[entry]);
        assert_eq!(table.lines().count(), 2);
        let row: Vec<_> = table.lines().nth(1).expect("a row").split_whitespace().collect();
        let wanted = ["-", "DENIED", "PERMISSION_DENIED", "StoreService/Delete", "-", "token:ci#4fKq0ZpL2x", "-", "3"];
        assert_eq!(row, wanted);
    }
}
