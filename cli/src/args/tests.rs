use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn help_teaches() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut help = command.render_help().to_string();
    for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
        let name = verb.get_name().to_owned();
        help.push_str(&format!("\n==== {name} ====\n{}", verb.render_help()));
    }
    insta::assert_snapshot!(help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
}

#[test]
fn states_are_names_in_any_case_and_lists() {
    let Command::List(args) =
        parse("sendstores list --state READY,failed --state deleted --label a=b --label c=").expect("valid").command
    else {
        panic!("list")
    };
    let filter = args.filter.into_filter(vec!["store-a".to_owned()]);
    let states: Vec<_> = filter.states().map(|state| state.as_str_name()).collect();
    assert_eq!(states, ["STATE_READY", "STATE_FAILED", "STATE_DELETED"]);
    assert_eq!(
        filter.labels.into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), "b".to_owned()), ("c".to_owned(), String::new())]
    );
}

#[test]
fn what_is_not_said_is_not_sent() {
    let Command::Create(args) = parse("sendstores create --request-id r").expect("valid").command else {
        panic!("create")
    };
    let wanted = sendstores_client::CreateStore::new().validate_only(false).request_id("r");
    assert_eq!(args.into_request(), wanted);
}

#[test]
fn what_is_said_is_sent() {
    let line = "sendstores create store-a --title T --taxes --payment cod,bank-transfer --catalogue empty --label k=v --request-id r";
    let Command::Create(args) = parse(line).expect("valid").command else { panic!("create") };
    let wanted = sendstores_client::CreateStore::new()
        .id("store-a")
        .request_id("r")
        .title("T")
        .taxes(true)
        .payment_method(sendstores_client::PaymentMethod::CashOnDelivery)
        .payment_method(sendstores_client::PaymentMethod::BankTransfer)
        .catalogue(sendstores_client::Catalogue::Empty)
        .label("k", "v");
    assert_eq!(args.into_request(), wanted);
}

#[test]
fn wrong_lines_are_refused() {
    for (line, kind) in [
        ("sendstores get", ErrorKind::MissingRequiredArgument),
        ("sendstores create --label novalue", ErrorKind::ValueValidation),
        ("sendstores create --wait-timeout 5m", ErrorKind::MissingRequiredArgument),
        ("sendstores create --wait --validate-only", ErrorKind::ArgumentConflict),
        ("sendstores list --state open", ErrorKind::InvalidValue),
        ("sendstores list --limit 0", ErrorKind::ValueValidation),
        ("sendstores list --timeout soon", ErrorKind::ValueValidation),
    ] {
        assert_eq!(parse(line).expect_err(line).kind(), kind, "{line}");
    }
}
