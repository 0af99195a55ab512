//! The flags whose names differ between the majors of helm.

/// A major version we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Major {
    Three,
    Four,
}

// === impl Major ===

impl Major {
    /// From what `helm version --template {{.Version}}` prints, such as `v4.3.1` or `v3.17.2+incompatible`.
    pub(super) fn of(version: &str) -> Option<Self> {
        match version.strip_prefix('v')?.split('.').next()? {
            "3" => Some(Self::Three),
            "4" => Some(Self::Four),
            _ => None,
        }
    }

    /// Readiness is watched by us, so helm waits for nothing. The chart is checked before it is shipped, so helm need
    /// not fetch the API's whole schema to check it again. A store keeps the two revisions it is made in and one more.
    /// helm 4 applies on the server, which refuses a field that another manager has set since (`kubectl edit`, a policy): what
    /// the chart says is put back, as helm 3 does by itself. It does so only with server-side apply: by
    /// itself it goes on as the revision before was applied, which may be helm 3's.
    pub(super) fn upgrade(self) -> &'static [&'static str] {
        match self {
            Self::Three => &["--wait=false", "--history-max", "3", "--disable-openapi-validation"],
            Self::Four => &[
                "--wait=hookOnly",
                "--history-max",
                "3",
                "--disable-openapi-validation",
                "--server-side=true",
                "--force-conflicts",
            ],
        }
    }

    pub(super) fn uninstall(self) -> &'static [&'static str] {
        match self {
            Self::Three => &["--wait=false", "--no-hooks"],
            Self::Four => &["--wait=hookOnly", "--no-hooks"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_majors_are_taken() {
        for (text, major) in [("v3.17.2", Major::Three), ("v4.3.1", Major::Four), ("v4.0.0-rc.1+g1", Major::Four)] {
            assert_eq!(Major::of(text), Some(major), "{text}");
        }
        for text in ["", "v2.17.0", "v5.0.0", "4.3.1", "v40.1.0", "<no value>"] {
            assert_eq!(Major::of(text), None, "{text}");
        }
    }

    #[test]
    fn a_field_that_was_changed_by_hand_does_not_stop_an_upgrade() {
        for flag in ["--force-conflicts", "--server-side=true"] {
            assert!(Major::Four.upgrade().contains(&flag), "{flag}: the one is refused without the other");
        }
        assert!(!Major::Three.upgrade().contains(&"--force-conflicts"), "helm 3 does not know it");
    }

    #[test]
    fn no_flag_makes_helm_wait_or_roll_back_by_itself() {
        for major in [Major::Three, Major::Four] {
            for flag in major.upgrade().iter().chain(major.uninstall()) {
                assert!(!["--wait", "--atomic", "--rollback-on-failure", "--set"].contains(flag), "{flag}");
            }
        }
    }
}
