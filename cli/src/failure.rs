//! How a command ends when it does not end well.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use sendstores_client::{Error, FieldViolation};

use crate::text;

/// Why a command did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// To be told.
    Told(Box<Report>),
    /// The reader of our output is gone: `sendstores list | head -1`. That is no error.
    Unread,
}

#[derive(Debug)]
pub(crate) struct Report {
    exit: Exit,
    message: String,
    violations: Vec<FieldViolation>,
    hint: Option<String>,
    reason: Option<String>,
    retryable: bool,
}

/// The exit codes; `--help` documents them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Failed = 1,
    NotFound = 3,
    StoreFailed = 4,
    Interrupted = 130,
}

// === impl Failure ===

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        let (violations, hint, reason) = (Vec::new(), None, None);
        Self::Told(Box::new(Report { exit, message: message.into(), violations, hint, reason, retryable: false }))
    }

    /// What to do next, in place of what the kind of error suggests.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Told(report) = &mut self {
            report.hint = Some(hint.into());
        }
        self
    }

    /// What happened, and what to do.
    pub(crate) fn parts(self) -> (String, String) {
        match self {
            Self::Told(report) => (report.message, report.hint.unwrap_or_default()),
            Self::Unread => (String::new(), String::new()),
        }
    }

    /// Tells it on stderr. What cannot be written there has no reader.
    pub(crate) fn report(self, json: bool) -> ExitCode {
        let Self::Told(report) = self else { return ExitCode::SUCCESS };
        let text = if json { report.to_json() } else { report.to_text() };
        let _ = writeln!(io::stderr(), "{text}");
        ExitCode::from(report.exit as u8)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error {
            Error::NotFound(_) => Exit::NotFound,
            Error::StoreFailed(_) | Error::StoreDeleted(_) => Exit::StoreFailed,
            _ => Exit::Failed,
        };
        let message = match &error {
            Error::InvalidArgument { violations, .. } => wrong_fields(&error, violations),
            other => other.to_string(),
        };
        let (hint, reason, retryable) = (hint(&error), error.reason().map(str::to_owned), error.retryable());
        let violations = match error {
            Error::InvalidArgument { violations, .. } => violations,
            _ => Vec::new(),
        };
        Self::Told(Box::new(Report { exit, message, violations, hint, reason, retryable }))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::new(Exit::Failed, format!("cannot write the output: {error}")),
        }
    }
}

/// In the words of the command line where there is something to name there.
fn wrong_fields(error: &Error, violations: &[FieldViolation]) -> String {
    match violations {
        [FieldViolation { field, description, .. }] if error.reason() == Some("INVALID_FIELD") => {
            format!("{} {description}", flag(field))
        }
        // Several get lines of their own.
        [_, _, ..] => format!("{} things are wrong with the request", violations.len()),
        _ => error.to_string(),
    }
}

/// How a field of a request is given on the command line.
fn flag(field: &str) -> String {
    let field = field.split('[').next().unwrap_or(field);
    let flag = match field {
        "id" | "store_id" | "filter.ids" => return "the id".to_owned(),
        "spec.shop.payment_methods" => "payment",
        "labels" | "filter.labels" => "label",
        "filter.tenant" => "tenant",
        "filter.states" => "state",
        "page_size" => "limit",
        "resume_token" => "from",
        "request_id" | "tenant" | "etag" => field,
        _ => match field.strip_prefix("spec.shop.") {
            Some(setting) => setting,
            None => return field.to_owned(),
        },
    };
    format!("--{}", flag.replace('_', "-"))
}

/// What to do next.
pub(crate) fn hint(error: &Error) -> Option<String> {
    let text = match error {
        Error::Transport(cause) if cause.to_string().contains("certificate") => {
            "--ca PATH names the authority of the server's certificate, --cert and --key the client's own"
        }
        Error::Transport(_) => "is the server running, and is this its address? `sendstores doctor` finds out more",
        Error::InvalidServer { .. } => "--server URL, SENDSTORES_SERVER or a context sets it",
        Error::Token { .. } => "--token-file PATH, SENDSTORES_TOKEN_FILE or SENDSTORES_TOKEN gives the token",
        Error::Unauthenticated(_) => {
            "`sendstores login` or SENDSTORES_TOKEN gives a valid token; `sendstores token create` makes one, and \
             `sendstores-server token create` the first"
        }
        Error::NotFound(_) => "`sendstores list` shows the stores there are",
        Error::AlreadyExists(_) if error.reason() == Some("NOT_DELETED") => "there is nothing to do",
        Error::AlreadyExists(_) => "choose another id, or none and the server makes one",
        Error::Conflict(_) => "look at it again with `sendstores get`, then decide",
        Error::FailedPrecondition(cause) if cause.reason() == Some("CREDENTIALS_NOT_READY") => {
            let id = cause.metadata().and_then(|data| data.get("store_id")).map_or("ID", String::as_str);
            return Some(format!("`sendstores get {} --wait` waits for the store", text::line(id)));
        }
        Error::ResourceExhausted { cause, .. } if cause.reason() == Some("QUOTA_EXCEEDED") => {
            "delete a store, or ask an operator for a higher limit of the tenant"
        }
        Error::HistoryCompacted(_) => "watch again without --from",
        Error::ResourceExhausted { retry_after: Some(delay), .. } => {
            return Some(format!("try again in {}", text::duration(*delay)));
        }
        Error::Unavailable(cause) if cause.reason() == Some("LEDGER_UNAVAILABLE") => {
            "try again in a moment; `sendstores get` and `list` show with --stale what was seen last"
        }
        Error::ResourceExhausted { .. } | Error::Unavailable(_) => "try again in a moment",
        Error::DeadlineExceeded(_) => "try again; --timeout TIME gives a call more time",
        Error::StoreFailed(store) => return Some(format!("`sendstores get {}` shows what it got to", store.id)),
        _ => return None,
    };
    Some(text.to_owned())
}

// === impl Report ===

impl Report {
    fn to_text(&self) -> String {
        let mut text = format!("error: {}", text::line(&self.message));
        for FieldViolation { field, description, .. } in self.violations.iter().filter(|_| self.violations.len() > 1) {
            text.push_str("\n  ");
            text.push_str(&text::line(&format!("{} {description}", flag(field))));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\n  {hint}"));
        }
        text
    }

    fn to_json(&self) -> String {
        let violation = |one: &FieldViolation| serde_json::json!({"field": one.field, "description": one.description});
        let mut error = serde_json::json!({
            "message": self.message,
            "exitCode": self.exit as u8,
            "retryable": self.retryable,
            "fieldViolations": self.violations.iter().map(violation).collect::<Vec<_>>(),
        });
        if let Some(reason) = &self.reason {
            error["reason"] = reason.as_str().into();
        }
        if let Some(hint) = &self.hint {
            error["hint"] = hint.as_str().into();
        }
        serde_json::json!({ "error": error }).to_string()
    }
}

#[cfg(test)]
mod tests;
