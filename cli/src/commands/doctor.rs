//! `sendstores doctor`: from the file of contexts to the permissions, one finding after another, and one fix each.

use std::time::{Duration, SystemTime};

use sendstores_client::{
    Client, Error, RetryPolicy,
    v1::{Consistency, ListRequest, Principal},
};
use serde_json::json;
use tokio::net::{TcpStream, lookup_host};

use crate::{
    args::Global,
    config::ConfigFile,
    failure::{Exit, Failure, hint},
    output,
    target::Target,
    text,
};

/// A clock that is off by more makes tokens and certificates expire too early or too late.
const CLOCK: Duration = Duration::from_secs(30);

/// What was found out about one thing.
#[derive(Debug)]
struct Finding {
    check: &'static str,
    passed: bool,
    detail: String,
    fix: Option<String>,
}

/// The findings so far. `Err` ends the examination: what follows needs what failed.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

struct Ended;

pub(super) async fn run(global: &Global) -> Result<(), Failure> {
    let mut findings = Findings::default();
    let _ = examine(global, &mut findings).await;
    let failed = findings.0.iter().filter(|finding| !finding.passed).count();
    output::print(&if global.json { findings.to_json() } else { findings.to_text() })?;
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Failed, "1 finding")),
        more => Err(Failure::new(Exit::Failed, format!("{more} findings"))),
    }
}

async fn examine(global: &Global, findings: &mut Findings) -> Result<(), Ended> {
    findings.ok("version", format!("sendstores {}", env!("CARGO_PKG_VERSION")));
    let target = contexts(global, findings)?;
    reach(global, &target, findings).await?;
    let client = connect(global, &target, findings).await?;
    let principal = identify(&client, &target, findings).await?;
    compare_versions(&client, findings).await;
    read(&client, &principal, findings).await;
    Ok(())
}

/// The file of contexts, and the server that is meant.
fn contexts(global: &Global, findings: &mut Findings) -> Result<Target, Ended> {
    let file = ConfigFile::of_user();
    let path = file.path().display();
    let found = super::target(global);
    let target = findings.or_failed("contexts", found, |failure| failure.parts())?;
    if file.is_open_to_others() {
        findings.failed("contexts", format!("{path} can be read by others"), format!("chmod 600 {path}"));
    } else {
        findings.ok("contexts", if file.path().exists() { path.to_string() } else { format!("no file {path}") });
    }
    findings.ok("server", format!("{} (from: {})", target.server, target.because));
    Ok(target)
}

/// Its name, and its port.
async fn reach(global: &Global, target: &Target, findings: &mut Findings) -> Result<(), Ended> {
    let (scheme, rest) = target.server.split_once("://").unwrap_or(("http", &target.server));
    let authority = rest.split('/').next().unwrap_or_default();
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let default_port = if scheme == "https" { 443 } else { 80 };
    let address = if has_port { authority.to_owned() } else { format!("{authority}:{default_port}") };
    let resolved = match tokio::time::timeout(global.timeout, lookup_host(&address)).await {
        Ok(resolved) => resolved.map(Iterator::collect::<Vec<_>>).map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {}", text::duration(global.timeout))),
    };
    let fix = "is the name right, and does this machine's DNS know it?";
    let addresses = findings.or_failed("name", resolved, |error| (format!("{address}: {error}"), fix.to_owned()))?;
    findings.ok("name", addresses.iter().map(|one| one.ip().to_string()).collect::<Vec<_>>().join(", "));
    let connected = match tokio::time::timeout(global.timeout, TcpStream::connect(&*addresses)).await {
        Ok(connected) => connected.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {}; a firewall?", text::duration(global.timeout))),
    };
    let fix = "does the server run, and listen on this address (--listen)?";
    let stream = findings.or_failed("port", connected, |error| (format!("{address}: {error}"), fix.to_owned()))?;
    let peer = stream.peer_addr().map_or_else(|_| address.clone(), |peer| peer.to_string());
    findings.ok("port", format!("{peer} accepts connections"));
    Ok(())
}

/// TLS, if there is any, and HTTP/2.
async fn connect(global: &Global, target: &Target, findings: &mut Findings) -> Result<Client, Ended> {
    let builder = findings.or_failed("certificates", target.builder(), |failure| failure.parts())?;
    let builder = builder.timeout(global.timeout).retry(RetryPolicy::none());
    let connected = builder.connect(&target.server).await;
    let client = findings.or_failed("connection", connected, |error| {
        let fix = hint(&error).unwrap_or_else(|| "is this a SendStores server?".to_owned());
        (error.to_string(), fix)
    })?;
    let encrypted = target.server.starts_with("https://");
    findings.ok("connection", if encrypted { "encrypted; the certificate is trusted" } else { "not encrypted" });
    Ok(client)
}

/// Whether the server's version and this program's belong together.
async fn compare_versions(client: &Client, findings: &mut Findings) {
    let ours = env!("CARGO_PKG_VERSION");
    match client.server_version().await {
        Ok(theirs) if theirs.is_empty() => {
            findings.ok("versions", "the server is too old to say its own");
        }
        Ok(theirs) if are_apart(ours, &theirs) => {
            let fix = "use versions that are one minor number apart at most".to_owned();
            findings.failed("versions", format!("the server is {theirs}, this program {ours}"), fix);
        }
        Ok(theirs) => findings.ok("versions", format!("the server is {theirs}")),
        Err(error) => findings.failed("versions", error.to_string(), "try again".to_owned()),
    }
}

/// Whether two versions are more than one minor number apart.
fn are_apart(one: &str, other: &str) -> bool {
    let numbers = |text: &str| {
        let mut parts = text.split('.').map(|part| part.parse::<u64>().ok());
        Some((parts.next()??, parts.next()??))
    };
    match (numbers(one), numbers(other)) {
        (Some((major, minor)), Some((other_major, other_minor))) => {
            major != other_major || minor.abs_diff(other_minor) > 1
        }
        _ => one != other,
    }
}

/// Who the caller is, and what it may do.
async fn identify(client: &Client, target: &Target, findings: &mut Findings) -> Result<Principal, Ended> {
    let source = target.token.source();
    let found = client.principal().await;
    let principal = findings.or_failed("token", found, |error| {
        let fix = match &error {
            Error::Transport(_) if target.server.starts_with("http://") => {
                "the server may want https://; else it is no SendStores server".to_owned()
            }
            Error::Other(_) => "is this a SendStores server, and as new as this program?".to_owned(),
            other => hint(other).unwrap_or_else(|| "ask an operator".to_owned()),
        };
        (format!("token: {source}; {error}"), fix)
    })?;
    let expires = principal.expire_time.map(|at| format!(", expires {}", text::time(Some(at)))).unwrap_or_default();
    findings.ok("token", format!("{}: {} ({}){expires}", source, principal.name, principal.role));
    let may = ["stores.read", "stores.watch", "stores.create", "stores.delete"];
    let lacks = |one: &&&str| !principal.permissions.iter().any(|permission| permission == **one);
    let lacking: Vec<_> = may.iter().filter(lacks).copied().collect();
    if lacking.contains(&"stores.read") {
        let fix = "ask an operator for a token with another role";
        findings.failed("permission", format!("the role {} may not read stores", principal.role), fix.to_owned());
        return Err(Ended);
    }
    let rest = if lacking.is_empty() { String::new() } else { format!("; not {}", lacking.join(", ")) };
    findings.ok("permission", format!("may read stores{rest}"));
    Ok(principal)
}

/// The clock, and the server's Redis.
async fn read(client: &Client, principal: &Principal, findings: &mut Findings) {
    let page = |consistency: Consistency| {
        let request = ListRequest { page_size: 1, consistency: consistency.into(), ..ListRequest::default() };
        client.list_page(request)
    };
    let before = SystemTime::now();
    match page(Consistency::Unspecified).await {
        Ok(answer) => {
            findings.ok(
                "stores",
                if principal.tenants.is_empty() { "all are shown" } else { "those of its tenants are shown" },
            );
            clock(answer.fresh_time.and_then(text::system_time), before, findings);
        }
        Err(error) => {
            let fix = match page(Consistency::Stale).await {
                Ok(_) => "the server does not reach its Redis; `get` and `list` show with --stale what was seen last",
                Err(_) => "the log of the server says why",
            };
            findings.failed("stores", error.to_string(), fix.to_owned());
        }
    }
}

/// Compares the clocks: the answer was fresh at a moment between the call and now.
fn clock(server: Option<SystemTime>, before: SystemTime, findings: &mut Findings) {
    let Some(server) = server else { return };
    let after = SystemTime::now();
    let ahead = server.duration_since(after).unwrap_or_default();
    let behind = before.duration_since(server).unwrap_or_default();
    let off = ahead.max(behind);
    if off > CLOCK {
        let which = if ahead > behind { "behind" } else { "ahead of" };
        let detail = format!("this machine is {} {which} the server", text::duration(off));
        findings.failed("clock", detail, "set both by NTP: tokens and certificates expire by the clock".to_owned());
    } else {
        findings.ok("clock", "as the server's");
    }
}

// === impl Findings ===

impl Findings {
    fn ok(&mut self, check: &'static str, detail: impl Into<String>) {
        self.0.push(Finding { check, passed: true, detail: detail.into(), fix: None });
    }

    fn failed(&mut self, check: &'static str, detail: String, fix: String) {
        self.0.push(Finding { check, passed: false, detail, fix: Some(fix) });
    }

    /// What was found, or the finding that nothing can follow.
    fn or_failed<T, E>(
        &mut self,
        check: &'static str,
        found: Result<T, E>,
        said: impl FnOnce(E) -> (String, String),
    ) -> Result<T, Ended> {
        found.map_err(|error| {
            let (detail, fix) = said(error);
            self.failed(check, detail, fix);
            Ended
        })
    }

    fn to_text(&self) -> String {
        let mut lines = Vec::new();
        for Finding { check, passed, detail, fix } in &self.0 {
            let mark = if *passed { '✓' } else { '✗' };
            lines.push(format!("{mark} {check:<12} {}", text::line(detail)));
            if let Some(fix) = fix {
                lines.push(format!("  {:<12} {}", "to do", text::line(fix)));
            }
        }
        lines.join("\n")
    }

    fn to_json(&self) -> String {
        let finding =
            |one: &Finding| json!({"check": one.check, "passed": one.passed, "detail": one.detail, "fix": one.fix});
        format!("{:#}", serde_json::Value::from(self.0.iter().map(finding).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_belong_together_that_are_one_minor_number_apart() {
        for (one, other, apart) in [
            ("0.1.0", "0.1.7", false),
            ("0.1.0", "0.2.0-rc.1", false),
            ("0.3.0", "0.1.0", true),
            ("1.0.0", "0.9.0", true),
            ("0.1.0", "main", true),
        ] {
            assert_eq!(are_apart(one, other), apart, "{one} {other}");
            assert_eq!(are_apart(other, one), apart, "{other} {one}");
        }
    }

    #[test]
    fn a_clock_is_compared_with_room_for_the_call() {
        let now = SystemTime::now();
        for (server, passed) in [
            (now, true),
            (now - Duration::from_secs(29), true),
            (now - Duration::from_secs(3600), false),
            (now + Duration::from_secs(3600), false),
        ] {
            let mut findings = Findings::default();
            clock(Some(server), now, &mut findings);
            assert_eq!(findings.0[0].passed, passed, "{findings:?}");
        }
    }

    #[test]
    fn each_finding_that_failed_has_its_fix_below() {
        let mut findings = Findings::default();
        findings.ok("name", "192.0.2.1");
        findings.failed("port", "refused\n".to_owned(), "start it".to_owned());
        assert_eq!(findings.to_text(), "✓ name         192.0.2.1\n✗ port         refused \n  to do        start it");
    }
}
