//! How far a store is inside, as its own `state.php` reads it from the database.

use serde::Deserialize;

use crate::provision::redact;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Why the database does not accept the application.
    NoDatabase(String),
    /// The first thing that is not done, and how often a restore has begun and not ended.
    At(Stage, u32),
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// All three of the others at once, from the image's snapshot.
    Restore,
    Install,
    Activate,
    Configure,
}

#[derive(Deserialize)]
struct Answer {
    database: String,
    #[serde(flatten)]
    facts: Option<Facts>,
}

#[derive(Deserialize)]
struct Facts {
    installed: bool,
    admin: bool,
    active: bool,
    woocommerce_code: Option<String>,
    woocommerce_version: Option<String>,
    woocommerce_db_version: Option<String>,
    wc_installing: bool,
    marker: Option<String>,
    /// Of the image's bootstrap, and of the one that wrote the marker. Older images know no second one.
    bootstrap_version: u32,
    #[serde(default)]
    completed_version: Option<u32>,
    /// Says that a restore is what comes next. Older images know none.
    #[serde(default)]
    restorable: bool,
    #[serde(default)]
    restore_attempts: u32,
}

// === impl State ===

impl State {
    /// From the last line of the output; PHP may put warnings before it.
    pub(super) fn parse(stdout: &str) -> Option<Self> {
        let line = stdout.lines().rev().find(|line| !line.trim().is_empty())?;
        let answer: Answer = serde_json::from_str(line).ok()?;
        match (answer.database.as_str(), answer.facts) {
            ("ok", Some(facts)) => Some(Self::of(&facts)),
            ("ok", None) => None,
            (why, _) => Some(Self::NoDatabase(redact::message(why))),
        }
    }

    fn of(facts: &Facts) -> Self {
        // A marker ends it all, whichever it is: the settings are those the shop starts with, and by now the merchant
        // may have changed every one of them. What a newer bootstrap has new is done all the same, and nothing else.
        if facts.marker.is_some() {
            let completed = facts.completed_version.unwrap_or(facts.bootstrap_version);
            return match completed < facts.bootstrap_version {
                true => Self::At(Stage::Configure, 0),
                false => Self::Complete,
            };
        }
        let current = facts.woocommerce_version.is_some() && facts.woocommerce_version == facts.woocommerce_code;
        let stage = if facts.restorable {
            Stage::Restore
        } else if !facts.installed || !facts.admin {
            Stage::Install
        } else if !facts.active || !current || facts.woocommerce_db_version.is_none() || facts.wc_installing {
            Stage::Activate
        } else {
            Stage::Configure
        };
        Self::At(stage, facts.restore_attempts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::hostile;

    fn parsed(change: &[(&str, Value)]) -> Option<State> {
        let mut answer = json!({"database": "ok", "installed": true, "tables": 51, "admin": true, "active": true,
            "woocommerce_code": "11.0.1", "woocommerce_version": "11.0.1", "woocommerce_db_version": "11.0.0",
            "wc_installing": false, "marker": null, "bootstrap_version": 1});
        for (key, value) in change {
            answer[*key] = value.clone();
        }
        State::parse(&format!("PHP Warning: something\n{answer}\n"))
    }

    #[test]
    fn the_first_thing_that_is_missing_comes_next() {
        let stages: [(&[(&str, Value)], Stage); 8] = [
            (&[("installed", json!(false)), ("admin", json!(false))], Stage::Install),
            (&[("admin", json!(false))], Stage::Install),
            (&[("active", json!(false))], Stage::Activate),
            (&[("woocommerce_version", json!(null))], Stage::Activate),
            (&[("woocommerce_version", json!("10.6.2"))], Stage::Activate),
            (&[("woocommerce_db_version", json!(null))], Stage::Activate),
            (&[("wc_installing", json!(true))], Stage::Activate),
            (&[], Stage::Configure),
        ];
        for (change, stage) in stages {
            assert_eq!(parsed(change), Some(State::At(stage, 0)), "{change:?}");
        }
        assert_eq!(parsed(&[("marker", json!("any")), ("admin", json!(false))]), Some(State::Complete));
    }

    #[test]
    fn a_store_of_an_older_bootstrap_is_completed() {
        let made_by = |version: Value| {
            parsed(&[("marker", json!("any")), ("bootstrap_version", json!(3)), ("completed_version", version)])
        };
        assert_eq!(made_by(json!(2)), Some(State::At(Stage::Configure, 0)));
        for complete in [json!(3), json!(4), json!(null)] {
            assert_eq!(made_by(complete.clone()), Some(State::Complete), "{complete}");
        }
    }

    #[test]
    fn a_restore_comes_first_where_the_store_offers_one() {
        let empty = [("installed", json!(false)), ("admin", json!(false)), ("restore_attempts", json!(2))];
        let offered = [&empty[..], &[("restorable", json!(true))]].concat();
        assert_eq!(parsed(&offered), Some(State::At(Stage::Restore, 2)));
        let given_up = [&empty[..], &[("restorable", json!(false))]].concat();
        assert_eq!(parsed(&given_up), Some(State::At(Stage::Install, 2)));
        assert_eq!(parsed(&[("restorable", json!(true)), ("marker", json!("any"))]), Some(State::Complete));
    }

    #[test]
    fn a_closed_database_and_nonsense_are_told_apart() {
        let closed = State::parse("{\"database\":\"not reachable\"}");
        assert_eq!(closed, Some(State::NoDatabase("not reachable".to_owned())));
        for nonsense in ["", "\n", "PHP Fatal error", "{\"database\":\"ok\"}", "[]"] {
            assert_eq!(State::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn no_output_ends_anything() {
        let good = json!({"database": "ok", "installed": true, "admin": true, "active": true, "woocommerce_code": "1",
            "woocommerce_version": "1", "woocommerce_db_version": "1", "wc_installing": false, "marker": "m",
            "bootstrap_version": 3, "completed_version": 2, "restorable": true, "restore_attempts": 2});
        hostile::check(&hostile::body(good), |body| {
            if let Some(State::NoDatabase(why)) = State::parse(&String::from_utf8_lossy(&body)) {
                hostile::assert_fit(&why, redact::LONGEST);
            }
        });
    }
}
