//! What went wrong with a command, and what that means for the call.

use fred::error::{Error, ErrorKind};
use sendstores_core::ledger::LedgerError;

/// Why a command brought no answer.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: LedgerError,
    pub(super) remedy: Remedy,
}

/// What may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Sending it again: the connection was lost.
    Repeat,
    /// Another connection, and sending it again: this server is no longer the one that takes writes.
    Reconnect,
    /// Another connection for those who come later: this one may be dead.
    Suspect,
    Nothing,
}

// === impl Fault ===

impl Fault {
    fn unavailable(why: &str, remedy: Remedy) -> Self {
        Self { error: LedgerError::Unavailable(why.to_owned()), remedy }
    }

    fn set_up_wrongly(why: impl Into<String>) -> Self {
        Self { error: LedgerError::Unsafe(why.into()), remedy: Remedy::Nothing }
    }

    /// What an error reply of the server means. Redis begins it with a code; before version 7 the code of a command
    /// inside a script follows other words. `tests/fixtures/answers/redis` has examples.
    pub(super) fn replied(reply: &str) -> Self {
        let says = |words: &[&str]| {
            let said = |code: &&str| reply.starts_with(*code) || reply.contains(&format!(": -{code} "));
            words.iter().any(said)
        };
        let contains = |words: &[&str]| words.iter().any(|words| reply.contains(words));
        if says(&["OOM", "MISCONF"]) {
            return Self { error: LedgerError::Full(reply.to_owned()), remedy: Remedy::Nothing };
        }
        if says(&["READONLY", "MASTERDOWN", "CLUSTERDOWN"]) {
            return Self::unavailable(reply, Remedy::Reconnect);
        }
        // The slot may come back: a server that runs goes on when it does.
        if says(&["MOVED", "ASK "]) {
            return Self::unavailable(
                &format!("this is a Redis Cluster: use redis-cluster:// ({reply})"),
                Remedy::Nothing,
            );
        }
        // Redis closes the connection after this one.
        if reply.starts_with("ERR max number of clients") {
            return Self::unavailable(reply, Remedy::Suspect);
        }
        if says(&["LOADING", "NOREPLICAS", "BUSY", "TRYAGAIN", "UNBLOCKED"]) {
            return Self::unavailable(reply, Remedy::Nothing);
        }
        if says(&["NOAUTH", "WRONGPASS", "ERR invalid password", "ERR AUTH <password> called without"]) {
            return Self::set_up_wrongly(format!(
                "Redis refuses the credentials of the URL; characters such as + / @ # must be percent-encoded there ({reply})"
            ));
        }
        // A command within a script is refused in words: the first are of version 7.0, the others of later ones.
        if says(&["NOPERM", "DENIED", "ERR unknown command"])
            || contains(&["The user executing the script can't", "ACL failure in script"])
        {
            return Self::set_up_wrongly(reply);
        }
        Self { error: LedgerError::Corrupt(reply.to_owned()), remedy: Remedy::Nothing }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let details = error.details();
        // fred has no kind of its own for error replies; their codes are in capitals, its own words are not.
        let code = details.split([' ', ':']).next().unwrap_or_default();
        if code.len() > 2 && code.bytes().all(|b| b.is_ascii_uppercase()) {
            return Self::replied(details);
        }
        // What the TLS library found, as fred passes it on.
        if let Some((_, why)) = details.split_once("InvalidCertificate(") {
            let why = why.trim_end_matches([' ', '}', ')']);
            return Self {
                error: LedgerError::Unsafe(format!("its certificate is refused: {why}")),
                remedy: Remedy::Nothing,
            };
        }
        match error.kind() {
            ErrorKind::Timeout => Self::unavailable("no answer in time", Remedy::Suspect),
            ErrorKind::Auth
            | ErrorKind::Config
            | ErrorKind::Url
            | ErrorKind::InvalidArgument
            | ErrorKind::InvalidCommand => Self::set_up_wrongly(details),
            ErrorKind::Parse => Self { error: LedgerError::Corrupt(details.to_owned()), remedy: Remedy::Nothing },
            ErrorKind::Routing
            | ErrorKind::IO
            | ErrorKind::Protocol
            | ErrorKind::Tls
            | ErrorKind::Canceled
            | ErrorKind::Unknown
            | ErrorKind::Cluster
            | ErrorKind::Sentinel
            | ErrorKind::NotFound
            | ErrorKind::Backpressure => Self::unavailable(details, Remedy::Repeat),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn fault(kind: ErrorKind, details: &'static str) -> Fault {
        Error::new(kind, details).into()
    }

    /// A file each, with what it must be sorted as beside it.
    #[test]
    fn every_reply_of_the_corpus_is_sorted() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/answers/redis");
        let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path());
        let replies: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "txt")).collect();
        assert!(replies.len() >= 20, "{} replies", replies.len());
        for file in replies {
            let expect = fs::read_to_string(file.with_extension("expect")).expect("what is expected");
            let wanted = |key: &str| expect.lines().find_map(|line| line.strip_prefix(key));
            let reply = fs::read_to_string(&file).expect("a reply");
            let error = Fault::from(Error::new(ErrorKind::Unknown, reply.trim().to_owned())).error;
            let sort = match &error {
                LedgerError::Unavailable(_) => "unavailable",
                LedgerError::Full(_) => "full",
                LedgerError::Unsafe(_) => "unsafe",
                LedgerError::Corrupt(_) => "corrupt",
                _ => "none of these",
            };
            assert_eq!(wanted("sort: "), Some(sort), "{}: {error}", file.display());
            let says = wanted("says: ").unwrap_or_default();
            assert!(error.to_string().contains(says), "{}: {error}", file.display());
        }
    }

    #[test]
    fn error_replies_are_told_from_lost_connections() {
        let oom = "OOM command not allowed when used memory > 'maxmemory'. script: 1f, on @user_script:9.";
        let old = "ERR Error running script (call to f_1f): @user_script:9: @user_script: 9: -OOM command not allowed";
        let disk = "MISCONF Errors writing to the AOF file: No space left on device";
        for reply in [oom, old, disk] {
            assert!(matches!(fault(ErrorKind::Unknown, reply).error, LedgerError::Full(_)), "{reply}");
        }
        let readonly = fault(ErrorKind::Unknown, "READONLY You can't write against a read only replica.");
        assert_eq!(readonly.remedy, Remedy::Reconnect);
        assert!(matches!(readonly.error, LedgerError::Unavailable(_)));
        let loading = fault(ErrorKind::Unknown, "LOADING Redis is loading the dataset in memory");
        assert!(matches!(loading.error, LedgerError::Unavailable(_)));
        let denied = fault(ErrorKind::Auth, "WRONGPASS invalid username-password pair or user is disabled.");
        assert!(matches!(denied.error, LedgerError::Unsafe(_)));
        let in_script = "ERR The user executing the script can't run this command or subcommand script: 1f";
        assert!(matches!(fault(ErrorKind::Unknown, in_script).error, LedgerError::Unsafe(_)));
        let issuer = "Custom { kind: InvalidData, error: InvalidCertificate(UnknownIssuer) }";
        let refused = LedgerError::Unsafe("its certificate is refused: UnknownIssuer".to_owned());
        assert_eq!(fault(ErrorKind::IO, issuer).error, refused);
        let kind =
            fault(ErrorKind::InvalidArgument, "WRONGTYPE Operation against a key holding the wrong kind of value");
        assert!(matches!(kind.error, LedgerError::Corrupt(_)));
        for lost in ["Failed to route command.", "Connection closed.", "Unresponsive connection."] {
            assert_eq!(fault(ErrorKind::Unknown, lost).remedy, Remedy::Repeat, "{lost}");
        }
        assert_eq!(fault(ErrorKind::Timeout, "Request timed out.").remedy, Remedy::Suspect);
    }
}
