//! The tables of all kinds of resources but stores, which have a file of their own ([`super::stores`]). A kind is one row at
//! the end.

use sendstores_core::{
    Backup, Key, Record, Resource, Revision, Store, Tenant, Timestamp, Token,
    ledger::{Ledger, LedgerError, Scan, Unreadable},
};

use super::table::Table;

macro_rules! tables {
    ($($kind:ident in $table:ident;)+) => {
        /// The newest record that is known of each resource.
        #[derive(Default)]
        pub(super) struct Tables {
            $(pub(super) $table: Table<$kind>,)+
        }

        /// Every record in the ledger.
        pub(super) struct Scans {
            $($table: Scan<$kind>,)+
        }

        impl Tables {
            /// Puts a record of the log in the place of what is known, unless that contains it already. A store is given back.
            pub(super) fn apply(&mut self, covered: Revision, record: Record) -> Option<Store> {
                match record {
                    Record::Store(store) => return Some(store),
                    $(Record::$kind(resource) => self.$table.put_newer(covered, resource),)+
                }
                None
            }

            /// Takes the resource out of its table, unless what is known of it is newer.
            pub(super) fn set_aside(&mut self, key: Key, unreadable: Unreadable) {
                match key {
                    Key::Store(_) => {}
                    $(Key::$kind(id) if self.$table.has_passed(&id, unreadable.revision) => {}
                    Key::$kind(id) => {
                        self.$table.set_aside(id, unreadable);
                    })+
                }
            }

            pub(super) fn unreadable(&self, key: &Key) -> Option<&Unreadable> {
                match key {
                    Key::Store(_) => None,
                    $(Key::$kind(id) => self.$table.unreadable(id),)+
                }
            }

            pub(super) fn count_unreadable(&self) -> usize {
                [$(self.$table.count_unreadable(),)+].into_iter().sum()
            }

            /// Forgets what was deleted before `then`.
            pub(super) fn forget_tombstones(&mut self, then: Timestamp) {
                $(self.$table.forget_tombstones(then);)+
            }
        }

        impl Scans {
            pub(super) async fn read<L: Ledger>(ledger: &L) -> Result<Self, LedgerError> {
                Ok(Self { $($table: ledger.scan().await?,)+ })
            }

            /// The newest revision of all.
            pub(super) fn newest(&self) -> Revision {
                [$(newest(&self.$table),)+].into_iter().max().unwrap_or(Revision::ZERO)
            }
        }

        impl From<Scans> for Tables {
            fn from(scans: Scans) -> Self {
                Self { $($table: scans.$table.into(),)+ }
            }
        }
    };
}

tables! {
    Tenant in tenants;
    Token in tokens;
    Backup in backups;
}

pub(super) fn newest<R: Resource>(records: &Scan<R>) -> Revision {
    let revisions = records.resources.iter().map(Resource::revision);
    revisions.chain(records.unreadable.iter().map(|record| record.revision)).max().unwrap_or(Revision::ZERO)
}
