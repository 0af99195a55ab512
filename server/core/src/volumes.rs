//! The volumes of a store: how large they are to be, and whether they can be. A volume only grows.

use std::{fmt, future::Future, num::NonZeroU32, pin::Pin};

use crate::{provisioner::StepError, store::Store};

/// A size in whole GiB, 1 to [`Gibibytes::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gibibytes(NonZeroU32);

/// What a volume is for. An engine may have one volume of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeRole {
    Database,
    /// What the merchant uploads.
    Content,
}

/// How large the volumes of a store are to be. `None`: as the release says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VolumeSizes {
    pub database: Option<Gibibytes>,
    pub content: Option<Gibibytes>,
}

/// Why the volumes of a store cannot have the sizes that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CannotGrow {
    /// The volume is larger already, and no volume shrinks.
    Shrink {
        role: VolumeRole,
        /// Its size now, as a Kubernetes quantity.
        present: String,
    },
    /// The engine has no such volume.
    Missing(VolumeRole),
    /// Its StorageClass does not let volumes grow.
    Class {
        role: VolumeRole,
        /// The name of the class. Empty: the volume has none.
        class: String,
    },
    /// All volumes together are more than a store may have.
    Quota {
        /// How many GiB they have together, rounded up.
        needed: u64,
        /// What a store may have, as a Kubernetes quantity.
        allowed: String,
    },
}

/// What [`CheckVolumes::check_volumes`] returns.
pub type Checking<'a> = Pin<Box<dyn Future<Output = Result<Result<(), CannotGrow>, StepError>> + Send + 'a>>;

/// Where it shows whether the volumes of a store can grow.
pub trait CheckVolumes: Send + Sync + 'static {
    /// Whether the volumes of `store` can have these sizes, as far as the cluster shows before it is tried. Never changes anything.
    fn check_volumes<'a>(&'a self, store: &'a Store, wanted: VolumeSizes) -> Checking<'a>;
}

// === impl Gibibytes ===

impl Gibibytes {
    /// The largest size: 16 TiB.
    pub const MAX: u32 = 16_384;

    /// `None` for 0 and for more than [`Gibibytes::MAX`].
    pub fn new(size: u32) -> Option<Self> {
        NonZeroU32::new(size).filter(|size| size.get() <= Self::MAX).map(Self)
    }

    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// As a Kubernetes quantity.
impl fmt::Display for Gibibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Gi", self.0)
    }
}

// === impl VolumeRole ===

impl VolumeRole {
    pub const ALL: [Self; 2] = [Self::Database, Self::Content];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Content => "content",
        }
    }
}

// === impl VolumeSizes ===

impl VolumeSizes {
    pub const fn of(self, role: VolumeRole) -> Option<Gibibytes> {
        match role {
            VolumeRole::Database => self.database,
            VolumeRole::Content => self.content,
        }
    }

    /// These sizes, and of `before` what they leave open.
    #[must_use]
    pub fn over(self, before: Self) -> Self {
        Self { database: self.database.or(before.database), content: self.content.or(before.content) }
    }

    /// The volume that would be smaller than with `before`, if there is one.
    pub fn shrinks(self, before: Self) -> Option<VolumeRole> {
        VolumeRole::ALL.into_iter().find(|role| self.of(*role).is_some_and(|size| Some(size) < before.of(*role)))
    }

    pub fn is_open(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(database: u32, content: u32) -> VolumeSizes {
        VolumeSizes { database: Gibibytes::new(database), content: Gibibytes::new(content) }
    }

    #[test]
    fn a_size_is_whole_and_bounded() {
        assert_eq!((Gibibytes::new(0), Gibibytes::new(16_385)), (None, None));
        assert_eq!(Gibibytes::new(16_384).expect("the largest").to_string(), "16384Gi");
    }

    #[test]
    fn what_is_left_open_stays_as_it_is_and_nothing_shrinks() {
        let before = sizes(5, 0);
        assert_eq!(sizes(0, 3).over(before), sizes(5, 3));
        assert_eq!(sizes(4, 3).shrinks(before), Some(VolumeRole::Database));
        for larger in [sizes(5, 1), sizes(6, 0), sizes(0, 0)] {
            assert_eq!(larger.shrinks(before), None, "{larger:?}");
        }
        assert!(sizes(0, 0).is_open() && !before.is_open());
    }
}
