//! What `/metrics` says, in Prometheus' text format.

use std::collections::{BTreeMap, BTreeSet};

/// A family as it is exposed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exposed {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    pub help: String,
    /// The labels of each series; those of a histogram once for all of its buckets, without `le`.
    pub series: BTreeSet<BTreeMap<String, String>>,
}

/// The families by name. A line that is not understood is a failure of the test.
pub fn families(text: &str) -> BTreeMap<String, Exposed> {
    let mut families = BTreeMap::<String, Exposed>::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else {
            let (name, labels) = series(line);
            let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
            let family = of_histogram.filter(|stem| families.contains_key(*stem)).unwrap_or(&name).to_owned();
            let family = families.get_mut(&family).unwrap_or_else(|| panic!("no type of {line}"));
            family.series.insert(labels);
        }
    }
    families
}

/// The value of a series that is written exactly like this, such as `name{label="value"}`.
pub fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Name and labels of a line with a value.
fn series(line: &str) -> (String, BTreeMap<String, String>) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    assert!(value.parse::<f64>().is_ok(), "no number: {line}");
    let Some((name, labels)) = series.split_once('{') else { return (series.to_owned(), BTreeMap::new()) };
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("no end of labels: {line}"));
    // No value of ours has a quotation mark in it.
    let pairs = labels.split_terminator("\",").map(|pair| pair.trim_end_matches('"').split_once("=\""));
    let pairs = pairs.map(|pair| pair.unwrap_or_else(|| panic!("no label: {line}")));
    let kept = pairs.filter(|(label, _)| *label != "le");
    (name.to_owned(), kept.map(|(label, value)| (label.to_owned(), value.to_owned())).collect())
}
