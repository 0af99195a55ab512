//! Which endpoint is meant, and the key for it.

use std::{fs, net::IpAddr, path::Path, time::Duration};

use http::Uri;

use crate::{
    args::{Api, ModelArgs},
    config::Secret,
    failure::{Exit, Failure},
};

/// Bytes of a file that may be a key.
const LONGEST_KEY: u64 = 8 * 1024;

const SETS_URL: &str = "--ai-url URL or SENDSTORES_AI_URL names it, such as https://api.openai.com/v1 or http://127.0.0.1:8080/v1 \
                        (llama.cpp); `sendstores report` needs no model";

/// An endpoint of a model.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where requests go, with the path of the format.
    pub(super) address: Uri,
    pub(super) api: Api,
    pub(super) model: String,
    pub(super) key: Option<Secret>,
    /// How long a reply may take, with repetitions.
    pub(super) limit: Duration,
}

// === impl Settings ===

impl Settings {
    /// What the flags and the environment say.
    ///
    /// # Errors
    /// Something is missing or wrong, with what to do about it. Nothing is sent before.
    pub(crate) fn find(args: &ModelArgs) -> Result<Self, Failure> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let url = given(&args.ai_url)
            .ok_or_else(|| wrong("no model is named to answer: its endpoint is missing", SETS_URL))?;
        let hint = "--ai-model NAME or SENDSTORES_AI_MODEL names it, as the endpoint lists it";
        let model = given(&args.ai_model).ok_or_else(|| wrong("the name of the model is missing", hint))?;
        let address = address(&url, super::format::of(args.ai_api).path())?;
        let key_file = args.ai_key_file.as_deref().filter(|path| !path.as_os_str().is_empty());
        let key = key_file.map(key).transpose()?;
        if key.is_some() && address.scheme_str() == Some("http") && !is_loopback(&address) {
            let why = "the key is not sent over http:// to another machine, where others on the way can read it";
            return Err(wrong(why, "use an https:// address, or a tunnel to this machine"));
        }
        Ok(Self { address, api: args.ai_api, model, key, limit: args.turn_timeout })
    }
}

fn wrong(message: &str, hint: &str) -> Failure {
    Failure::new(Exit::Failed, message).hint(hint)
}

/// The address of the endpoint with the path of the format, unless it has that already.
fn address(url: &str, path: &str) -> Result<Uri, Failure> {
    let no_url = || wrong("the address of the model's endpoint is no http:// or https:// URL", SETS_URL);
    let uri: Uri = url.trim().parse().map_err(|_| no_url())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(no_url()) };
    if !matches!(scheme, "http" | "https") || authority.host().is_empty() {
        return Err(no_url());
    }
    if authority.as_str().contains('@') {
        let why = "the address of the model's endpoint has a password in it";
        return Err(wrong(why, "--ai-key-file PATH or SENDSTORES_AI_KEY_FILE names a file that has the key"));
    }
    let base = uri.path().trim_end_matches('/');
    let whole = match base.strip_suffix(path) {
        Some(_) => base.to_owned(),
        None if base.is_empty() => format!("/v1{path}"),
        None => format!("{base}{path}"),
    };
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    format!("{scheme}://{authority}{whole}{query}").parse().map_err(|_| no_url())
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn key(path: &Path) -> Result<Secret, Failure> {
    let hint =
        "--ai-key-file PATH or SENDSTORES_AI_KEY_FILE names a file that has the key of the endpoint, and nothing else";
    let cannot = |why: &str| wrong(&format!("cannot read the key in {}: {why}", path.display()), hint);
    let metadata = fs::metadata(path).map_err(|error| cannot(&error.to_string()))?;
    if !metadata.is_file() || metadata.len() > LONGEST_KEY {
        return Err(cannot("it is no file of a few bytes"));
    }
    let text = fs::read_to_string(path).map_err(|error| cannot(&error.to_string()))?;
    match text.trim() {
        "" => Err(cannot("it is empty")),
        key if key.bytes().all(|b| b.is_ascii_graphic()) => Ok(Secret(key.to_owned())),
        _ => Err(cannot("it has more than one word")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(url: &str, model: &str, key_file: Option<&Path>) -> ModelArgs {
        ModelArgs {
            ai_url: Some(url.to_owned()),
            ai_api: Api::OpenAi,
            ai_model: Some(model.to_owned()),
            ai_key_file: key_file.map(Path::to_owned),
            turn_timeout: Duration::from_secs(60),
            max_tokens: 1,
            dry_run: false,
        }
    }

    fn message(args: &ModelArgs) -> String {
        let (message, hint) = Settings::find(args).expect_err("refused").parts();
        assert!(!hint.is_empty(), "{message}");
        message
    }

    #[test]
    fn an_address_gets_the_path_of_the_format_once() {
        for (url, wanted) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/chat/completions"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
            (
                "https://a.example/openai/deployments/x?api-version=1",
                "https://a.example/openai/deployments/x/chat/completions?api-version=1",
            ),
            ("https://a.example/v1/chat/completions", "https://a.example/v1/chat/completions"),
        ] {
            assert_eq!(address(url, "/chat/completions").expect("an address").to_string(), wanted);
        }
        for wrong in ["", "api.openai.com", "ftp://a.example", "https://", "unix:///a", "https://a b"] {
            assert!(
                message(&args(if wrong.is_empty() { "x" } else { wrong }, "m", None)).contains("no http://"),
                "{wrong}"
            );
        }
        assert!(message(&args("https://me:secret@a.example", "m", None)).contains("password"));
        assert!(message(&args(" ", "m", None)).contains("endpoint is missing"));
        assert!(message(&args("https://a.example", "", None)).contains("name of the model"));
    }

    #[test]
    fn a_key_is_one_word_of_a_file_and_goes_over_no_open_network() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        fs::write(&file, "sk-secret\n").expect("write");
        for good in ["https://a.example", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1"] {
            let settings = Settings::find(&args(good, "m", Some(&file))).expect(good);
            assert!(!format!("{settings:?}").contains("sk-secret"));
            assert_eq!(settings.key.expect("a key").0, "sk-secret");
        }
        for open in
            ["http://a.example", "http://10.0.0.7:8080", "http://localhost.a.example", "http://127.0.0.1.a.example"]
        {
            let refused = message(&args(open, "m", Some(&file)));
            assert!(refused.contains("not sent over http://") && !refused.contains("sk-secret"), "{refused}");
            Settings::find(&args(open, "m", None)).expect("without a key");
        }
        for bad in ["", "two words", "line\nline", "k\u{e4}y", &"x".repeat(9_000)] {
            fs::write(&file, bad).expect("write");
            assert!(message(&args("https://a.example", "m", Some(&file))).starts_with("cannot read the key"), "{bad}");
        }
        message(&args("https://a.example", "m", Some(&folder.path().join("none"))));
        message(&args("https://a.example", "m", Some(folder.path())));
    }
}
