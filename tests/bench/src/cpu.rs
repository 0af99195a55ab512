//! What a process has used, by /proc.

use std::{fs, time::Duration};

/// Processor time of a process with all its threads.
pub(crate) fn time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a running process");
    // The name, which may hold anything, is in parentheses; user and system time are fields 14 and 15.
    let fields = stat.rsplit_once(')').expect("the end of the name").1.split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_secs(ticks) / u32::try_from(rustix::param::clock_ticks_per_second()).expect("about a hundred")
}

/// Resident memory now, in MiB.
pub(crate) fn resident(pid: u32) -> f64 {
    field(pid, "VmRSS:")
}

/// The most resident memory there was, in MiB.
pub(crate) fn peak(pid: u32) -> f64 {
    field(pid, "VmHWM:")
}

fn field(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the field");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib / 1024.0
}
