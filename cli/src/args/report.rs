//! `sendstores report`.

use clap::{Args, ValueEnum};

use super::FilterArgs;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores report
  sendstores report --tenant acme
  sendstores report -o markdown > report.md
  sendstores report --json | jq -r '.toDo[].command'")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Read from the server's memory, without Redis. The result may be out of date.
    #[arg(long)]
    pub(crate) stale: bool,
    /// How to print the report.
    #[arg(long, short, value_enum, default_value_t = ReportFormat::Text, hide_default_value = true, conflicts_with = "json")]
    pub(crate) output: ReportFormat,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people, the default.
    Text,
    /// For a page or a chat.
    Markdown,
    /// As --json.
    Json,
}
