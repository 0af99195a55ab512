//! What the ledger keeps: resources of several kinds, in one log with one order.
//!
//! A kind is one file of this crate and one row of the table at the end of this one. Its struct has the fields `id`,
//! `revision`, `update_time` and `unknown`, and the method `is_deleted`; [`Resource`] is made of them. The
//! stored form of its records is one file of the server (`server/src/ledger/record/`).

use std::{fmt, hash::Hash, str::FromStr, sync::Arc};

use crate::{
    backup::Backup,
    id::{BackupId, StoreId, TenantId, TokenId},
    revision::Revision,
    store::Store,
    tenant::Tenant,
    time::Timestamp,
    token::Token,
};

/// Something that is kept under an id of its own, as one record that each change replaces.
pub trait Resource:
    Clone + fmt::Debug + PartialEq + Into<Record> + TryFrom<Record, Error = Record> + Send + Sync + 'static
{
    type Id: ResourceId<Resource = Self>;

    const KIND: Kind;

    fn id(&self) -> &Self::Id;

    /// Set by the ledger; [`Revision::ZERO`] until it was written.
    fn revision(&self) -> Revision;

    fn set_revision(&mut self, revision: Revision);

    /// When its record was written last, by the clock of the replica that wrote it.
    fn update_time(&self) -> Timestamp;

    /// Whether it has ended. Its id is free then, and its record is a tombstone.
    fn is_deleted(&self) -> bool;

    /// What its record has beside what this version knows; nearly always nothing.
    fn unknown(&self) -> Option<&UnknownFields>;

    fn set_unknown(&mut self, unknown: Option<Arc<UnknownFields>>);
}

/// The id of a resource of one kind.
pub trait ResourceId: Clone + Ord + Hash + fmt::Debug + fmt::Display + FromStr + Send + Sync + 'static {
    type Resource: Resource<Id = Self>;

    fn as_str(&self) -> &str;

    fn key(&self) -> Key;

    /// `None`: the key is of another kind.
    fn of_key(key: Key) -> Option<Self>;
}

/// Fields of a record that a newer version wrote and this one does not know, in a form that only the ledger reads: it
/// writes them back with the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFields(String);

// === impl UnknownFields ===

impl UnknownFields {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl Key ===

impl Key {
    /// What is claimed for work on the resource: the resource itself, by its id. Of a backup it is the repository, which the
    /// backups of one store share: one claim lets one of them be worked on.
    pub fn claimed(&self) -> &str {
        match self {
            Self::Backup(id) => id.store_uid().as_str(),
            Self::Store(_) | Self::Tenant(_) | Self::Token(_) => self.id(),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(id) => id.fmt(f),
            Self::Tenant(id) => write!(f, "tenant {id}"),
            Self::Token(id) => write!(f, "token {id}"),
            Self::Backup(id) => write!(f, "backup {id}"),
        }
    }
}

macro_rules! kinds {
    ($($kind:ident with $id:ident is $name:literal;)+) => {
        /// The kinds of resources that this version knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($kind,)+
        }

        /// Names one record of the ledger.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key {
            $($kind($id),)+
        }

        /// A resource of any kind.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[expect(clippy::large_enum_variant, reason = "nearly every record is a store")]
        pub enum Record {
            $($kind($kind),)+
        }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// The name as the log has it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// `None`: it is a kind of another version.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
            }
        }

        impl Key {
            /// `None`: the text is no id of this kind.
            pub fn parse(kind: Kind, id: &str) -> Option<Self> {
                match kind {
                    $(Kind::$kind => id.parse().ok().map(Self::$kind),)+
                }
            }

            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)+
                }
            }

            /// The id without its kind.
            pub fn id(&self) -> &str {
                match self {
                    $(Self::$kind(id) => id.as_str(),)+
                }
            }
        }

        impl Record {
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)+
                }
            }

            pub fn key(&self) -> Key {
                match self {
                    $(Self::$kind(resource) => resource.id().key(),)+
                }
            }

            pub fn revision(&self) -> Revision {
                match self {
                    $(Self::$kind(resource) => resource.revision(),)+
                }
            }

            pub fn set_revision(&mut self, revision: Revision) {
                match self {
                    $(Self::$kind(resource) => resource.set_revision(revision),)+
                }
            }

            pub fn is_deleted(&self) -> bool {
                match self {
                    $(Self::$kind(resource) => resource.is_deleted(),)+
                }
            }
        }

        $(
            impl Resource for $kind {
                type Id = $id;

                const KIND: Kind = Kind::$kind;

                fn id(&self) -> &$id {
                    &self.id
                }

                fn revision(&self) -> Revision {
                    self.revision
                }

                fn set_revision(&mut self, revision: Revision) {
                    self.revision = revision;
                }

                fn update_time(&self) -> Timestamp {
                    self.update_time
                }

                fn is_deleted(&self) -> bool {
                    $kind::is_deleted(self)
                }

                fn unknown(&self) -> Option<&UnknownFields> {
                    self.unknown.as_deref()
                }

                fn set_unknown(&mut self, unknown: Option<Arc<UnknownFields>>) {
                    self.unknown = unknown;
                }
            }

            impl From<$kind> for Record {
                fn from(resource: $kind) -> Self {
                    Self::$kind(resource)
                }
            }

            impl TryFrom<Record> for $kind {
                type Error = Record;

                /// Gives a record of another kind back.
                fn try_from(record: Record) -> Result<Self, Record> {
                    match record {
                        Record::$kind(resource) => Ok(resource),
                        other => Err(other),
                    }
                }
            }

            impl ResourceId for $id {
                type Resource = $kind;

                fn as_str(&self) -> &str {
                    $id::as_str(self)
                }

                fn key(&self) -> Key {
                    Key::$kind(self.clone())
                }

                fn of_key(key: Key) -> Option<Self> {
                    match key {
                        Key::$kind(id) => Some(id),
                        _ => None,
                    }
                }
            }
        )+
    };
}

kinds! {
    Store with StoreId is "store";
    Tenant with TenantId is "tenant";
    Token with TokenId is "token";
    Backup with BackupId is "backup";
}
