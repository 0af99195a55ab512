//! What a client says of interruptions that it gets over by itself.

use std::{fmt, sync::Arc, time::Duration};

use crate::error::Error;

/// An interruption of one call or stream that the client gets over by itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Interruption<'a> {
    /// A call or a stream failed for the first time and is tried again.
    Began {
        /// Why.
        error: &'a Error,
    },
    /// A call is answered or a stream is open again.
    Ended {
        /// How long it took.
        after: Duration,
    },
}

/// The function that is called at each interruption.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Observe>>);

type Observe = dyn Fn(Interruption<'_>) + Send + Sync;

// === impl Observer ===

impl Observer {
    pub(crate) fn new(observe: impl Fn(Interruption<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observe)))
    }

    pub(crate) fn observe(&self, interruption: Interruption<'_>) {
        if let Some(observe) = &self.0 {
            observe(interruption);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Observer" } else { "None" })
    }
}
