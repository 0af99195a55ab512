//! `sendstores backup` and `sendstores backups`.

use comfy_table::{Table, presets};
use futures::TryStreamExt;
use sendstores_client::{
    Client, Error,
    v1::{Backup, ListBackupsResponse, backup},
};

use crate::{
    args::{BackupArgs, BackupCommand, BackupsArgs, CreateBackupArgs, Format, Global},
    failure::{Exit, Failure},
    output, text, view,
};

use super::{command, connect};

pub(super) async fn run(global: &Global, args: BackupArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    match args.command {
        None => create(global, &client, args.create).await,
        Some(BackupCommand::Get { backup }) => show(global, &client.get_backup(backup).await.map_err(failure)?),
        Some(BackupCommand::Update(args)) => {
            show(global, &client.update_backup(args.into_request()).await.map_err(failure)?)
        }
        Some(BackupCommand::Delete { backup }) => {
            let going = client.delete_backup(backup).await.map_err(failure)?;
            if global.json {
                return output::document(&going);
            }
            output::print(&format!("backup {} is being removed", text::line(&going.id)))
        }
    }
}

pub(super) async fn list(global: &Global, args: BackupsArgs) -> Result<(), Failure> {
    let client = connect(global).await?;
    let format = args.output;
    let backups: Vec<Backup> = client.list_backups(args.into_request()).try_collect().await?;
    let list = ListBackupsResponse { backups, next_page_token: String::new() };
    match format {
        _ if global.json => output::document(&list),
        Format::Json => output::document(&list),
        Format::Yaml => output::yaml(&list),
        Format::Name if list.backups.is_empty() => Ok(()),
        Format::Name => {
            output::print(&list.backups.iter().map(|backup| text::line(&backup.id)).collect::<Vec<_>>().join("\n"))
        }
        Format::Table | Format::Wide if list.backups.is_empty() => {
            output::note(&format!("no backups; `{}` makes one", command(global, "backup STORE")));
            Ok(())
        }
        Format::Table => output::print(&table(&list.backups, false)),
        Format::Wide => output::print(&table(&list.backups, true)),
    }
}

async fn create(global: &Global, client: &Client, args: CreateBackupArgs) -> Result<(), Failure> {
    let (wait, limit) = (args.wait, args.limit.wait_timeout);
    let made = client.create_backup(args.into_request()).await.map_err(failure)?;
    let id = text::line(&made.id);
    if !wait {
        if global.json {
            return output::document(&made);
        }
        let next = command(global, &format!("backup get {id}"));
        return output::print(&format!("backup {id} is accepted and {}\nNext:\n  {next}", state(&made)));
    }
    let mut last = None;
    let shown = |backup: &Backup| {
        if global.json {
            // A line that cannot be written has no reader.
            let _ = output::json_line(backup);
        } else if last.replace(backup.state) != Some(backup.state) {
            output::note(&format!("{id} is {}", state(backup)));
        }
    };
    let again = command(global, &format!("backup get {id}"));
    let go_on = format!("the server continues; to look again: `{again}`");
    let ended = tokio::select! {
        ended = Box::pin(client.wait_until_backed_up(&made.id, shown)) => ended.map_err(failure)?,
        () = tokio::time::sleep(limit) => {
            let message = format!("backup {id} has not ended after {}", text::duration(limit));
            return Err(Failure::new(Exit::Failed, message).hint(go_on));
        }
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(Exit::Interrupted, format!("interrupted; backup {id} has not ended yet")).hint(go_on));
        }
    };
    match ended.state() {
        backup::State::Succeeded if global.json => Ok(()),
        backup::State::Succeeded => show(global, &ended),
        _ => {
            let why = ended.failure.as_ref().map(|why| format!(": {}", view::failure(why))).unwrap_or_default();
            let suggestion = ended.failure.map(|why| why.suggestion).unwrap_or_default();
            let failure = Failure::new(Exit::StoreFailed, text::line(&format!("backup {id} failed{why}")));
            Err(if suggestion.is_empty() { failure } else { failure.hint(text::line(&suggestion)) })
        }
    }
}

fn show(global: &Global, backup: &Backup) -> Result<(), Failure> {
    if global.json { output::document(backup) } else { output::print(&page(backup)) }
}

/// What to do next, in the words of backups.
fn failure(error: Error) -> Failure {
    let hint = match error.reason() {
        Some("BACKUP_NOT_FOUND") => "`sendstores backups` shows the backups that there are",
        Some("OPERATION_IN_PROGRESS") => "`sendstores backups STORE` shows how far it is",
        Some("NO_REPOSITORY") => "an operator starts the server with --backup-repository",
        _ => return error.into(),
    };
    Failure::from(error).hint(hint)
}

fn state(backup: &Backup) -> String {
    let name = backup.state().as_str_name();
    name.strip_prefix("STATE_").unwrap_or(name).to_owned()
}

fn kind(backup: &Backup) -> String {
    let name = backup.r#type().as_str_name();
    name.strip_prefix("TYPE_").unwrap_or(name).to_lowercase().replace('_', "-")
}

/// In the largest unit in which it is 1 or more.
fn size(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let bytes = u64::try_from(bytes).unwrap_or_default();
    let mut unit = 0;
    let mut scale = 1_u64;
    while unit + 1 < UNITS.len() && bytes / scale >= 1_024 {
        (unit, scale) = (unit + 1, scale * 1_024);
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{}.{} {}", bytes / scale, bytes % scale * 10 / scale, UNITS[unit]),
    }
}

/// One backup with all that is known of it.
fn page(backup: &Backup) -> String {
    let mut lines = vec![format!("{}  {}", backup.id, state(backup))];
    let mut add = |name: &str, value: String| {
        if !value.is_empty() && value != "-" {
            lines.push(format!("  {name:<13}{value}"));
        }
    };
    add("store", backup.store.clone());
    add("tenant", backup.tenant.clone());
    add("type", kind(backup));
    add("release", backup.release.clone());
    add("labels", backup.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" "));
    add("created", text::time(backup.create_time));
    add("ended", text::time(backup.end_time));
    add("as of", text::time(backup.consistent_time));
    add("expires", text::time(backup.expire_time));
    if let Some(manifest) = &backup.manifest {
        add("orders", manifest.orders.to_string());
        add("database", format!("{} in {} tables", size(manifest.database_bytes), manifest.tables));
        add("files", format!("{} in {} files", size(manifest.file_bytes), manifest.files));
        add("wordpress", manifest.wordpress_version.clone());
        add("woocommerce", manifest.woocommerce_version.clone());
        add("added", size(backup.added_bytes));
    }
    add("snapshot", backup.snapshot.clone());
    if let Some(why) = &backup.failure {
        add("failure", view::failure(why));
        add("what to do", why.suggestion.clone());
    }
    lines.iter().map(|line| text::line(line) + "\n").collect()
}

/// One line for each backup.
fn table(backups: &[Backup], wide: bool) -> String {
    let mut table = Table::new();
    let mut head = vec!["ID", "STORE", "STATE", "CREATED", "SIZE", "ORDERS", "EXPIRES"];
    if wide {
        head.extend(["TYPE", "TENANT", "RELEASE", "ADDED", "AS OF", "REASON"]);
    }
    table.load_style(presets::NOTHING).set_header(head);
    let known = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    for backup in backups {
        let manifest = backup.manifest.as_ref();
        let (total, orders) = match manifest {
            Some(manifest) => (size(backup.total_bytes), manifest.orders.to_string()),
            None => ("-".to_owned(), "-".to_owned()),
        };
        let mut cells = vec![
            backup.id.clone(),
            backup.store.clone(),
            state(backup),
            text::time(backup.create_time),
            total,
            orders,
            text::time(backup.expire_time),
        ];
        if wide {
            let reason = backup.failure.as_ref().map(|why| why.reason().as_str_name()).unwrap_or_default();
            cells.extend([
                kind(backup),
                known(&backup.tenant),
                known(&backup.release),
                manifest.map_or_else(|| "-".to_owned(), |_| size(backup.added_bytes)),
                text::time(backup.consistent_time),
                known(reason.strip_prefix("REASON_").unwrap_or(reason)),
            ]);
        }
        table.add_row(cells.into_iter().map(|cell| text::line(&cell)));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use sendstores_client::{Timestamp, v1::Failure as Why};

    use super::*;

    fn sample() -> Backup {
        Backup {
            id: "0193b0a0-7c3e-7000-8000-0000000000af/20261130-174933-4fkq".to_owned(),
            store: "store-a".to_owned(),
            state: backup::State::Succeeded.into(),
            r#type: backup::Type::OnDemand.into(),
            total_bytes: 256_901_120,
            added_bytes: 1_500,
            create_time: Some(Timestamp { seconds: 1_800_000_000, nanos: 0 }),
            manifest: Some(backup::Manifest { orders: 20_000, tables: 101, ..Default::default() }),
            ..Backup::default()
        }
    }

    #[test]
    fn a_table_has_a_line_for_each_backup() {
        let failed = Backup {
            state: backup::State::Failed.into(),
            manifest: None,
            failure: Some(Why { reason: 26, ..Why::default() }),
            ..sample()
        };
        let shown = table(&[sample(), failed], true);
        let rows: Vec<&str> = shown.lines().skip(1).collect();
        assert!(
            rows[0].contains("SUCCEEDED") && rows[0].contains("245.0 MiB") && rows[0].contains("on-demand"),
            "{shown}"
        );
        assert!(rows[1].contains("FAILED") && rows[1].ends_with("DISK_FULL"), "{shown}");
        assert!(!table(&[sample()], false).contains("on-demand"));
    }

    #[test]
    fn a_backup_is_shown_with_what_is_known_of_it_alone() {
        let shown = page(&sample());
        assert!(shown.starts_with("0193b0a0-7c3e-7000-8000-0000000000af/20261130-174933-4fkq  SUCCEEDED\n"), "{shown}");
        assert!(shown.contains("  orders       20000\n") && shown.contains("  added        1.4 KiB\n"), "{shown}");
        assert!(!shown.contains("failure") && !shown.contains("tenant"), "{shown}");
        let hostile = Backup { store: "a\u{1b}[2J".to_owned(), ..sample() };
        assert!(!page(&hostile).contains('\u{1b}'));
    }

    #[test]
    fn a_size_is_in_its_largest_unit() {
        for (bytes, shown) in
            [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_610_612_736, "1.5 GiB"), (-1, "0 B")]
        {
            assert_eq!(size(bytes), shown);
        }
        assert!(size(i64::MAX).ends_with("TiB"));
    }
}
