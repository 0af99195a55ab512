//! The report for a page or a chat.

use std::fmt::Write;

use super::{Report, ToDo, number};

/// As Markdown. What a merchant or a cluster wrote is escaped: it cannot make a link, a table or a heading.
pub(crate) fn markdown(report: &Report) -> String {
    let mut out = format!("# Report: {}\n\nAs of {}.\n", report.headline(), report.time);
    if !report.states.is_empty() {
        out.push_str("\n| state | stores |\n|---|---:|\n");
    }
    for count in &report.states {
        let _ = writeln!(out, "| {} | {} |", count.name, count.stores);
    }
    if report.under_way > 0 {
        let _ = writeln!(out, "\n{} without a failure: work is under way.", number(report.under_way, "store"));
    }
    if !report.findings.is_empty() {
        out.push_str("\n## What does not sell, and why\n\n");
    }
    for finding in &report.findings {
        let _ = writeln!(out, "- **{}**, {}: {}.", finding.reason, number(finding.stores, "store"), finding.outlook());
        for line in [finding.stores(), finding.message.clone()].iter().filter(|line| !line.is_empty()) {
            let _ = writeln!(out, "  {}", escaped(line));
        }
    }
    if !report.to_do.is_empty() {
        out.push_str("\n## What to do first\n\n");
    }
    for (i, ToDo { what, command }) in report.to_do.iter().enumerate() {
        let _ = writeln!(out, "{}. {}  \n   `{}`", i + 1, escaped(what), command.replace('`', "'"));
    }
    if let Some(oldest) = &report.oldest {
        let _ = writeln!(out, "\nLongest not READY: {}, {} for {}.", escaped(&oldest.id), oldest.state, oldest.age);
    }
    if report.tenants.len() > 1 {
        out.push_str("\n## By tenant\n\n| tenant | stores | sell |\n|---|---:|---:|\n");
        for tenant in &report.tenants {
            let _ = writeln!(out, "| {} | {} | {} |", escaped(&tenant.name), tenant.stores, tenant.selling);
        }
        if report.more_tenants > 0 {
            let _ = writeln!(out, "\nAnd {}.", number(report.more_tenants, "more tenant"));
        }
    }
    let _ = writeln!(out, "\nIn the last hour: {}.", report.hour());
    out
}

/// One line without marks of Markdown or HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    // What looks like an address becomes a link by itself.
    out.replace("://", ":\u{2060}//").replace("www.", "www\u{2060}.")
}
