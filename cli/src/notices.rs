//! What is said on stderr when the connection is lost, and when it is back.

use indicatif::MultiProgress;
use sendstores_client::{Error, Interruption};

use crate::{output, text};

/// Where notices of interruptions go.
#[derive(Clone)]
pub(crate) enum Notices {
    /// A line of JSON.
    Json,
    /// A line of text.
    Plain,
    /// A line of text above lines that move.
    Above(MultiProgress),
}

// === impl Notices ===

impl Notices {
    /// For commands that show no progress.
    pub(crate) fn plain(json: bool) -> Self {
        if json { Self::Json } else { Self::Plain }
    }

    pub(crate) fn show(&self, interruption: &Interruption<'_>) {
        match self {
            Self::Json => output::note(&json(interruption)),
            Self::Plain => output::note(&words(interruption)),
            // What cannot be written there has no reader.
            Self::Above(bars) => drop(bars.println(words(interruption))),
        }
    }
}

fn words(interruption: &Interruption<'_>) -> String {
    match interruption {
        Interruption::Began { error: error @ Error::Transport(_) } => {
            format!("connection lost, trying again: {}", text::line(&error.to_string()))
        }
        Interruption::Began { error: Error::HistoryCompacted(_) } => {
            "changes are missing; reading all stores again".to_owned()
        }
        Interruption::Began { error } => format!("no answer, trying again: {}", text::line(&error.to_string())),
        Interruption::Ended { after } => format!("connected again after {}", text::duration(*after)),
        _ => String::new(),
    }
}

fn json(interruption: &Interruption<'_>) -> String {
    let interruption = match interruption {
        Interruption::Began { error } => {
            serde_json::json!({"state": "began", "message": error.to_string(), "reason": error.reason()})
        }
        Interruption::Ended { after } => serde_json::json!({"state": "ended", "seconds": after.as_secs_f64()}),
        _ => serde_json::json!({}),
    };
    serde_json::json!({ "interruption": interruption }).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_interruption_is_one_line_for_people_and_for_programs() {
        let error = Error::InvalidServer { url: "a\nb".to_owned(), why: "c\nd".to_owned() };
        let ended = Interruption::Ended { after: Duration::from_millis(1500) };
        for interruption in [Interruption::Began { error: &error }, ended.clone()] {
            assert!(!words(&interruption).contains('\n'), "{interruption:?}");
            serde_json::from_str::<serde_json::Value>(&json(&interruption)).expect("JSON");
            assert!(!json(&interruption).contains('\n'), "{interruption:?}");
        }
        assert_eq!(words(&ended), "connected again after 1.5s");
    }
}
