//! The table of stores: what it shows, and in which order.

use std::{cmp::Ordering, time::SystemTime};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use sendstores_client::Store;

use crate::{text, view};

/// What one column shows of each store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Column {
    /// Its id.
    Id,
    /// Where it is in its lifecycle.
    State,
    /// The step that is under way, or the failure.
    Progress,
    /// The stable reason of the failure.
    Reason,
    /// Its owner.
    Tenant,
    /// Since when it exists.
    Age,
    /// The address of the shop.
    Url,
    /// The name of the shop.
    Title,
    /// The software.
    Engine,
    /// KEY=VALUE, separated by commas.
    Labels,
    /// When it was created.
    Created,
    /// When it last changed.
    Updated,
    /// When it was READY first.
    Ready,
    /// The number of its intent.
    Generation,
    /// The number of its last change.
    Revision,
    /// Its UUID.
    Uid,
}

/// What is shown where no columns are named.
pub(crate) const USUAL: [Column; 6] =
    [Column::Id, Column::State, Column::Progress, Column::Tenant, Column::Age, Column::Url];

/// What `-o wide` shows.
pub(crate) const WIDE: [Column; 10] = [
    Column::Id,
    Column::State,
    Column::Progress,
    Column::Tenant,
    Column::Age,
    Column::Url,
    Column::Title,
    Column::Engine,
    Column::Labels,
    Column::Updated,
];

/// A cell is cut here where the whole table must fit a terminal.
const PROGRESS: usize = 40;

// === impl Column ===

impl Column {
    fn header(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_ascii_uppercase()).unwrap_or_default()
    }

    fn cell(self, store: &Store, now: SystemTime) -> String {
        let shop = || store.spec.as_ref().and_then(|spec| spec.shop.as_ref());
        match self {
            Self::Id => store.id.clone(),
            Self::State => view::state(store),
            Self::Progress => view::progress(store),
            Self::Reason => store.failure.as_ref().map(view::reason).unwrap_or_default(),
            Self::Tenant => store.tenant.clone(),
            Self::Age => text::age(store.create_time, now),
            Self::Url => store.url.clone(),
            Self::Title => shop().map(|shop| shop.title.clone()).unwrap_or_default(),
            Self::Engine => store.spec.as_ref().map(|spec| view::engine(spec.engine())).unwrap_or_default(),
            Self::Labels => {
                store.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
            }
            Self::Created => text::time(store.create_time),
            Self::Updated => text::time(store.update_time),
            Self::Ready => text::time(store.ready_time),
            Self::Generation => store.generation.to_string(),
            Self::Revision => store.revision.to_string(),
            Self::Uid => store.uid.clone(),
        }
    }

    /// The server's name of the order of this column. `None`: it has none.
    pub(crate) fn order_by(self, reverse: bool) -> Option<String> {
        let (field, descending) = match self {
            Self::Id => ("id", reverse),
            // The youngest first is the one that was created last.
            Self::Age => ("create_time", !reverse),
            Self::Created => ("create_time", reverse),
            Self::Updated => ("update_time", reverse),
            _ => return None,
        };
        Some(format!("{field} {}", if descending { "desc" } else { "asc" }))
    }

    /// The order of this column; the youngest store first by age, and numbers as numbers.
    fn compare(self, one: &Store, other: &Store) -> Ordering {
        let time = |at: Option<sendstores_client::Timestamp>| at.map(|at| (at.seconds, at.nanos));
        match self {
            Self::Age => time(other.create_time).cmp(&time(one.create_time)),
            Self::Created => time(one.create_time).cmp(&time(other.create_time)),
            Self::Updated => time(one.update_time).cmp(&time(other.update_time)),
            Self::Ready => time(one.ready_time).cmp(&time(other.ready_time)),
            Self::Generation => one.generation.cmp(&other.generation),
            Self::Revision => one.revision.cmp(&other.revision),
            // In the order of the lifecycle, as the contract has the states.
            Self::State => one.state.cmp(&other.state),
            other_column => {
                let now = SystemTime::UNIX_EPOCH;
                other_column.cell(one, now).cmp(&other_column.cell(other, now))
            }
        }
    }
}

/// Stores with the same value stay in the order of their ids.
pub(crate) fn sort(stores: &mut [Store], by: Column, reverse: bool) {
    stores.sort_by(|one, other| {
        let order = by.compare(one, other);
        if reverse { order.reverse() } else { order }
    });
}

/// One line for each store.
pub(crate) fn table(stores: &[Store], columns: &[Column], now: SystemTime) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.iter().map(|column| column.header()));
    let is_usual = columns == USUAL;
    for store in stores {
        table.add_row(columns.iter().map(|column| {
            let cell = text::line(&column.cell(store, now));
            if is_usual && *column == Column::Progress { cell.chars().take(PROGRESS).collect() } else { cell }
        }));
    }
    // The table pads every line to its full width, and begins it with a space.
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use sendstores_client::{State, Timestamp};

    use super::*;
    use crate::view::tests::sample;

    fn ids(stores: &[Store]) -> Vec<&str> {
        stores.iter().map(|store| store.id.as_str()).collect()
    }

    fn three() -> Vec<Store> {
        let store = |id: &str, state: State, seconds, revision| {
            let create_time = Some(Timestamp { seconds, nanos: 0 });
            let mut store = Store { id: id.to_owned(), create_time, revision, ..Store::default() };
            store.set_state(state);
            store
        };
        vec![store("a", State::Ready, 30, 9), store("b", State::Provisioning, 10, 10), store("c", State::Ready, 20, 11)]
    }

    #[test]
    fn columns_sort_as_what_they_show() {
        for (column, reverse, wanted) in [
            (Column::Age, false, ["a", "c", "b"]),
            (Column::Created, false, ["b", "c", "a"]),
            (Column::Revision, false, ["a", "b", "c"]),
            (Column::Revision, true, ["c", "b", "a"]),
            (Column::State, false, ["b", "a", "c"]),
            (Column::Tenant, true, ["a", "b", "c"]),
        ] {
            let mut stores = three();
            sort(&mut stores, column, reverse);
            assert_eq!(ids(&stores), wanted, "{column:?} {reverse}");
        }
    }

    #[test]
    fn every_column_has_a_name_and_a_cell() {
        let columns = Column::value_variants();
        let shown = table(&[sample()], columns, SystemTime::UNIX_EPOCH);
        let (header, row) = shown.split_once('\n').expect("two lines");
        for column in columns {
            assert!(header.contains(&column.header()), "{header}");
            assert!(row.contains(&column.cell(&sample(), SystemTime::UNIX_EPOCH)), "{column:?}: {row}");
        }
    }
}
