//! The table of docs/performance.md.

use std::fmt;

use crate::stats::Spread;

/// What a figure is to reach.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// The ratio to the peer.
    RatioAtMost(f64),
    RatioAtLeast(f64),
    /// The figure itself.
    AtMost(f64),
    /// Said for completeness.
    None,
}

/// One figure: ours and the peer's, a number each round.
pub(crate) struct Row {
    pub(crate) figure: String,
    pub(crate) ours: Vec<f64>,
    pub(crate) peer: Option<(&'static str, Vec<f64>)>,
    pub(crate) goal: Goal,
}

pub(crate) struct Table(pub(crate) Vec<Row>);

// === impl Row ===

impl Row {
    pub(crate) fn alone(figure: impl Into<String>, ours: Vec<f64>, goal: Goal) -> Self {
        Self { figure: figure.into(), ours, peer: None, goal }
    }

    pub(crate) fn beside(
        figure: impl Into<String>,
        ours: &[f64],
        name: &'static str,
        peer: &[f64],
        goal: Goal,
    ) -> Self {
        Self { figure: figure.into(), ours: ours.to_vec(), peer: Some((name, peer.to_vec())), goal }
    }

    fn ratio(&self) -> Option<Spread> {
        self.peer.as_ref().map(|(_, peer)| Spread::of_ratios(&self.ours, peer))
    }

    /// Whether the median reaches the goal.
    fn met(&self) -> Option<bool> {
        let ratio = self.ratio().map_or(f64::NAN, |ratio| ratio.median);
        match self.goal {
            Goal::RatioAtMost(most) => Some(ratio <= most),
            Goal::RatioAtLeast(least) => Some(ratio >= least),
            Goal::AtMost(most) => Some(Spread::of(&self.ours).median <= most),
            Goal::None => None,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.peer.as_ref().map(|(name, peer)| format!("{name}: {}", Spread::of(peer))).unwrap_or_default();
        let ratio = self.ratio().map(|ratio| ratio.to_string()).unwrap_or_default();
        let met = match self.met() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let Self { figure, ours, goal, .. } = self;
        write!(f, "| {figure} | {} | {peer} | {ratio} | {goal} | {met} |", Spread::of(ours))
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RatioAtMost(most) => write!(f, "<= {most}x"),
            Self::RatioAtLeast(least) => write!(f, ">= {least}x"),
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::None => Ok(()),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | SendStores | peer | ratio | to reach | reached |\n|---|---|---|---|---|---|")?;
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}
