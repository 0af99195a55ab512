//! Load for a storefront of this machine or of a local cluster: shoppers and buyers, each request counted.
//!
//! `crowd ADDRESS HOST [NAME=NUMBER...]`, such as `crowd 127.0.0.1:8080 store-a.localhost:8080 requests=2000`. The names:
//!
//! - `shoppers` (10), `buyers` (2): persons at once
//! - `requests` (100000), `seconds` (900): after so many of either it ends; SIGINT, SIGTERM and, with `stdin=1`, the end of its
//!   standard input end it, too. Requests under way are finished.
//! - `pause` (250): milliseconds between an answer and the next request of a person, on average
//! - `patience` (40): seconds that a person waits for one answer
//! - `seed` (1): the choices follow from it
//!
//! Prints one JSON object, `Report` in tests/src/crowd/tally.rs. Exit code 0: no request failed; 1: some did; 2: it was called wrongly.

use std::{io, process::ExitCode, time::Duration};

use sendstores_tests::crowd::{Crowd, Plan, Storefront};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

struct Call {
    plan: Plan,
    /// Whether the end of standard input ends it.
    follows_stdin: bool,
}

fn parse(given: &[String]) -> Result<Call, String> {
    let [address, host, settings @ ..] = given else { return Err("ADDRESS and HOST are missing".to_owned()) };
    let address = address.parse().map_err(|error| format!("{address}: {error}"))?;
    let storefront = Storefront::new(address, host).map_err(|elsewhere| elsewhere.to_string())?;
    let mut call = Call { plan: Plan::new(storefront), follows_stdin: false };
    for setting in settings {
        let (name, number) = setting.split_once('=').ok_or_else(|| format!("{setting} is not NAME=NUMBER"))?;
        let number: u32 = number.parse().map_err(|error| format!("{setting}: {error}"))?;
        let plan = &mut call.plan;
        match name {
            "shoppers" => plan.shoppers = number,
            "buyers" => plan.buyers = number,
            "requests" => plan.requests = number.into(),
            "seconds" => plan.time = Duration::from_secs(number.into()),
            "pause" => plan.pause = Duration::from_millis(number.into()),
            "patience" => plan.patience = Duration::from_secs(number.into()),
            "seed" => plan.seed = number.into(),
            "stdin" => call.follows_stdin = number != 0,
            _ => return Err(format!("there is no setting {name}")),
        }
    }
    Ok(call)
}

/// Ends when the standard input does, on a thread of its own: a read of it cannot be called off.
async fn end_of_stdin() {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = ended.send(());
    });
    let _ = end.await;
}

async fn asked_to_leave(follows_stdin: bool) -> io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = end_of_stdin(), if follows_stdin => {}
    }
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let Call { plan, follows_stdin } = match parse(&given) {
        Ok(call) => call,
        Err(why) => {
            eprintln!("crowd: {why}\nusage: crowd ADDRESS HOST [NAME=NUMBER...]");
            return ExitCode::from(2);
        }
    };
    let mut crowd = Crowd::start(plan);
    tokio::select! {
        () = crowd.ended() => {}
        asked = asked_to_leave(follows_stdin) => asked.expect("signals can be received"),
    }
    let report = crowd.leave().await;
    println!("{}", serde_json::to_string_pretty(&report).expect("a report is JSON"));
    ExitCode::from(u8::from(report.failed > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Result<Call, String> {
        parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn settings_change_the_plan_and_what_is_wrong_is_named() {
        let given =
            call("127.0.0.1:80 a.localhost shoppers=3 buyers=0 requests=9 seconds=8 pause=7 patience=6 seed=5 stdin=1");
        let Call { plan, follows_stdin } = given.expect("a call");
        assert_eq!((plan.shoppers, plan.buyers, plan.requests, plan.seed, follows_stdin), (3, 0, 9, 5, true));
        assert_eq!((plan.time.as_secs(), plan.pause.as_millis(), plan.patience.as_secs()), (8, 7, 6));
        assert_eq!(call("127.0.0.1:80 a.localhost").expect("a call").plan.shoppers, 10);
        for (wrong, named) in [
            ("127.0.0.1:80", "HOST"),
            ("nowhere a", "nowhere"),
            ("192.0.2.1:80 a", "192.0.2.1 is neither"),
            ("127.0.0.1:80 a walkers=3", "walkers"),
            ("127.0.0.1:80 a buyers=-1", "buyers=-1"),
            ("127.0.0.1:80 a buyers", "buyers is not"),
        ] {
            let why = call(wrong).err().expect("refused");
            assert!(why.contains(named), "{why}");
        }
    }
}
