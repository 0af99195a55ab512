//! The stored form of the sizes of volumes, in the record of their store.

use sendstores_core::volumes::{Gibibytes, VolumeSizes};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VolumesRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database_gib: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_gib: Option<u32>,
}

// === impl VolumesRecord ===

impl VolumesRecord {
    pub(super) fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

impl From<VolumeSizes> for VolumesRecord {
    fn from(sizes: VolumeSizes) -> Self {
        let VolumeSizes { database, content } = sizes;
        Self { database_gib: database.map(Gibibytes::get), content_gib: content.map(Gibibytes::get) }
    }
}

impl TryFrom<VolumesRecord> for VolumeSizes {
    type Error = String;

    fn try_from(record: VolumesRecord) -> Result<Self, String> {
        let size = |name: &str, size: Option<u32>| match size {
            None => Ok(None),
            Some(size) => Gibibytes::new(size).map(Some).ok_or_else(|| format!("volumes.{name} {size} is no size")),
        };
        let VolumesRecord { database_gib, content_gib } = record;
        Ok(Self { database: size("database_gib", database_gib)?, content: size("content_gib", content_gib)? })
    }
}
