//! The volumes of a scripted cluster: all grow.

use sendstores_core::{
    Store,
    volumes::{CheckVolumes, Checking, VolumeSizes},
};

use super::ScriptedProvisioner;

impl CheckVolumes for ScriptedProvisioner {
    fn check_volumes<'a>(&'a self, _store: &'a Store, _wanted: VolumeSizes) -> Checking<'a> {
        Box::pin(async { Ok(Ok(())) })
    }
}
