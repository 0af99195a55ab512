use clap::Parser;

use super::*;
use crate::args::Cli;

const CONFIG: &str = r#"{"current": "prod", "contexts": {
    "prod": {"server": "https://prod:7443", "token": "sst_prod", "ca": "/ca.pem"},
    "dev": {"server": "http://127.0.0.1:7443", "tokenFile": "/dev/token"}}}"#;

/// The server, what said so, and where the token is from.
fn found(flags: &str, environment: Environment, config: &str) -> Result<(String, String, String), Failure> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.json");
    std::fs::write(&path, config).expect("write");
    let line = format!("sendstores {flags} list");
    let cli = Cli::try_parse_from(line.split_whitespace()).expect("a command line");
    let target = Target::find(&cli.global, environment, &ConfigFile::at(path))?;
    assert!(!format!("{target:?}").contains("sst_"), "{target:?}");
    Ok((target.server.clone(), target.because.clone(), target.token.source()))
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn what_is_nearer_comes_first_and_no_token_goes_to_another_server() {
    let prod = ("https://prod:7443", "current context prod", "the context");
    let env = |server: &str, context: &str, token: &str| Environment {
        server: text(server).filter(|text| !text.is_empty()),
        context: text(context).filter(|text| !text.is_empty()),
        token: text(token).filter(|text| !text.is_empty()),
        token_file: None,
    };
    for (flags, environment, wanted) in [
        ("", env("", "", ""), prod),
        ("", env("", "", "sst_env"), ("https://prod:7443", "current context prod", TOKEN_VARIABLE)),
        ("", env("", "dev", ""), ("http://127.0.0.1:7443", "context dev", "/dev/token")),
        (
            "--context dev",
            env("https://env", "prod", "sst_env"),
            ("http://127.0.0.1:7443", "context dev", "/dev/token"),
        ),
        ("", env("https://env", "dev", ""), ("https://env", SERVER_VARIABLE, "none")),
        ("--server https://other", env("https://env", "dev", ""), ("https://other", "--server", "none")),
        ("--server https://other", env("", "", "sst_env"), ("https://other", "--server", TOKEN_VARIABLE)),
        ("--server https://PROD:7443/", env("", "", ""), ("https://PROD:7443/", "--server", "the context")),
        ("--token-file /t", env("", "", "sst_env"), ("https://prod:7443", "current context prod", "/t")),
    ] {
        let found = found(flags, environment, CONFIG).expect(flags);
        assert_eq!((found.0.as_str(), found.1.as_str(), found.2.as_str()), wanted, "{flags}");
    }
    let nothing = found("", Environment::default(), "{}").expect("the default");
    assert_eq!(nothing, (DEFAULT_SERVER.to_owned(), "default".to_owned(), "none".to_owned()));
    found("--context none", Environment::default(), CONFIG).expect_err("no such context");
}
