//! The port to what a shop has scheduled for itself: mails, stock, sales that begin and end.

use std::future::Future;

use crate::{provisioner::StepError, store::Store};

/// Has shops do what they have scheduled.
pub trait RunCron: Clone + Send + Sync + 'static {
    /// Has the shop of `store` do what is due, and returns when it has answered. Doing it again does nothing more: what
    /// was due is done. A future that is dropped stops waiting; what the shop has begun it may finish.
    fn run_cron(&self, store: &Store) -> impl Future<Output = Result<(), StepError>> + Send;
}
