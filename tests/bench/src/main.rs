//! Measures what callers of the API get beside what comparable servers give, in one run and in turns, and prints the table
//! of docs/performance.md. What is measured is on one processor, who measures on another.

mod cpu;
mod etcd_api;
mod fan;
mod grpc;
mod hidden;
mod load;
mod p12_size;
mod p1_get;
mod p2_create;
mod p3_watch;
mod p4_fanout;
mod p5_resume;
mod peers;
mod program;
mod script;
mod stats;
mod stores;
mod storm;
mod table;
mod watching;
mod writes;

use std::{future::Future, pin::Pin, time::Duration};

use clap::{Parser, ValueEnum};

use table::{Row, Table};

/// Measures the API of SendStores beside etcd, a bare tonic server and Redis. Needs CLUSTER_BIN, the folder of etcd.
#[derive(Debug, Parser)]
#[command(max_term_width = 120)]
struct Args {
    /// How often each side of each figure is measured, in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long one side is measured in one round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Which figures; default: all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Figure>,
    /// One round of a second with a hundredth of the stores and streams, and no table: shows only that every
    /// measurement works.
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    short: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Figure {
    /// Processor time of a Get.
    Get,
    /// Whether the time of an answer says that another tenant's store exists.
    Hidden,
    /// Durable writes.
    Create,
    /// Time from a change to its watchers.
    Watch,
    /// Messages to many streams, and their memory.
    Fanout,
    /// 10,000 watchers of a server that is killed.
    Resume,
    /// Many stores: memory, and pages of them.
    Size,
}

/// How much is measured.
#[derive(Clone, Copy)]
struct Extent {
    rounds: usize,
    time: Duration,
    /// How many times fewer stores and streams there are than a figure says.
    fewer: usize,
}

fn main() {
    let Args { rounds, seconds, only, short } = Args::parse();
    assert!(rounds > 0 && seconds > 0, "at least one round of one second");
    let extent = if short { Extent::SHORT } else { Extent { rounds, time: Duration::from_secs(seconds), fewer: 1 } };
    program::stay_on_generator_core();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    eprintln!("==> load before: {}", load.trim_end());
    // One thread: it starts the programs, which are killed with the thread that started them.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut table = Table(Vec::new());
    for figure in Figure::value_variants() {
        if only.is_empty() || only.contains(figure) {
            eprintln!("==> {figure:?}, rounds: {}", extent.rounds);
            table.0.extend(runtime.block_on(figure.measure(extent)));
        }
    }
    if short {
        println!("{} figures were measured; numbers of so short a run say nothing", table.0.len());
    } else {
        print!("{table}");
    }
}

// === impl Extent ===

impl Extent {
    const SHORT: Self = Self { rounds: 1, time: Duration::from_secs(1), fewer: 100 };

    /// How many there are of what a figure wants `count` of.
    fn of(self, count: usize) -> usize {
        (count / self.fewer).max(1)
    }
}

// === impl Figure ===

impl Figure {
    fn measure(self, extent: Extent) -> Pin<Box<dyn Future<Output = Vec<Row>>>> {
        match self {
            Self::Get => Box::pin(p1_get::measure(extent)),
            Self::Hidden => Box::pin(hidden::measure(extent)),
            Self::Create => Box::pin(p2_create::measure(extent)),
            Self::Watch => Box::pin(p3_watch::measure(extent)),
            Self::Fanout => Box::pin(p4_fanout::measure(extent)),
            Self::Resume => Box::pin(p5_resume::measure(extent)),
            Self::Size => Box::pin(p12_size::measure(extent)),
        }
    }
}
