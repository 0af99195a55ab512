//! The report on a terminal.

use std::fmt::Write;

use super::{Finding, Report, ToDo, number};

/// For people, a line each.
pub(crate) fn plain(report: &Report) -> String {
    let mut out = format!("{}, as of {}\n", report.headline(), report.time);
    for count in &report.states {
        let _ = writeln!(out, "  {:<13} {:>6}", count.name, count.stores);
    }
    if report.under_way > 0 {
        let _ = writeln!(out, "\n{} without a failure: work is under way", number(report.under_way, "store"));
    }
    if !report.findings.is_empty() {
        out.push_str("\nwhat does not sell, and why\n");
        report.findings.iter().for_each(|finding| one(&mut out, finding));
    }
    if !report.to_do.is_empty() {
        out.push_str("\nwhat to do first\n");
    }
    for (i, ToDo { what, command }) in report.to_do.iter().enumerate() {
        let _ = writeln!(out, "  {}. {what}\n     {command}", i + 1);
    }
    if let Some(oldest) = &report.oldest {
        let _ = writeln!(out, "\nlongest not READY: {}, {} for {}", oldest.id, oldest.state, oldest.age);
    }
    if report.tenants.len() > 1 {
        out.push_str("\nby tenant\n");
        for tenant in &report.tenants {
            let _ =
                writeln!(out, "  {:<20} {} of {} sell", tenant.name, tenant.selling, number(tenant.stores, "store"));
        }
        if report.more_tenants > 0 {
            let _ = writeln!(out, "  and {}", number(report.more_tenants, "more tenant"));
        }
    }
    let _ = writeln!(out, "\nin the last hour: {}", report.hour());
    out
}

fn one(out: &mut String, finding: &Finding) {
    let _ = writeln!(out, "  {:>4}  {} ({})", finding.stores, finding.reason, finding.outlook());
    for line in [finding.stores(), finding.message.clone()].iter().filter(|line| !line.is_empty()) {
        let _ = writeln!(out, "        {line}");
    }
}
