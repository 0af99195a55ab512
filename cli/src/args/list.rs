//! `sendstores list`.

use clap::{Args, ValueEnum};

use super::FilterArgs;
use crate::columns::Column;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  sendstores list
  sendstores list --state failed,degraded --label team=a
  sendstores list --query tea
  sendstores list -o wide --sort updated --reverse --limit 20
  sendstores list --columns id,reason,url --state failed
  sendstores list -o name --state failed | xargs -n 1 sendstores get
  sendstores list --json | jq -r '.stores[] | .id + \" \" + .url'")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    /// Read from the server's memory, without Redis. The result may be out of date.
    #[arg(long)]
    pub(crate) stale: bool,
    /// Only stores whose id, title, URL or label contains this text, in upper or lower case. A label is KEY=VALUE.
    #[arg(long, value_name = "TEXT")]
    pub(crate) query: Option<String>,
    /// Show at most this many stores. Default: all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// How to print the stores.
    #[arg(long, short, value_enum, default_value_t = Format::Table, hide_default_value = true, conflicts_with = "json")]
    pub(crate) output: Format,
    /// Columns of the table, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "COLUMN", conflicts_with_all = ["output", "json"])]
    pub(crate) columns: Vec<Column>,
    /// Order by this column. Default: by id.
    #[arg(long, value_enum, value_name = "COLUMN")]
    pub(crate) sort: Option<Column>,
    /// Reverse the order.
    #[arg(long, requires = "sort")]
    pub(crate) reverse: bool,
}

/// How stores are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line for each store.
    Table,
    /// A line for each store, with more columns.
    Wide,
    /// As --json.
    Json,
    /// The same in YAML.
    Yaml,
    /// The ids alone.
    Name,
}
