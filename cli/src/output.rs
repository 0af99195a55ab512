//! Where words go: results to stdout, everything else to stderr.

use std::io::{self, Write};

use crate::{
    failure::{Exit, Failure},
    json::{self, Named},
};

/// Prints text of any number of lines to stdout.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{}", text.trim_end())?)
}

/// Prints a message as one JSON document for people and programs.
pub(crate) fn document<M: Named>(message: &M) -> Result<(), Failure> {
    print(&format!("{:#}", json::value(message)?))
}

/// Prints a message as YAML, with the names of its JSON.
pub(crate) fn yaml<M: Named>(message: &M) -> Result<(), Failure> {
    let text = serde_saphyr::to_string(&json::value(message)?)
        .map_err(|why| Failure::new(Exit::Failed, format!("cannot print YAML: {why}")))?;
    print(&text)
}

/// Prints a message as one line of JSON.
pub(crate) fn json_line<M: Named>(message: &M) -> Result<(), Failure> {
    print(&json::value(message)?.to_string())
}

/// Says something on stderr. What cannot be written there has no reader.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
