//! Lines of the application's log without what they may say of shoppers.
//!
//! A plugin may log anything: a name, an address, a whole order. So only lines of known shapes are kept: what PHP itself
//! reports, WordPress' database errors, Apache's own messages and those of the image's scripts. In these, the values are
//! cut: quoted strings, arguments, SQL, long numbers, addresses, the page that the visitor came from, and the text of messages
//! and exceptions that are not PHP's own.

use crate::provision::steps::diagnosis::{CUT, without_values};

/// What PHP begins its own messages with.
const LEVELS: [&str; 6] = [
    "PHP Fatal error:",
    "PHP Parse error:",
    "PHP Recoverable fatal error:",
    "PHP Warning:",
    "PHP Notice:",
    "PHP Deprecated:",
];
/// What the scripts of the image say. They know nothing of shoppers.
const OWN: [&str; 4] = ["seed-content: ", "startup: ", "wp-config: ", "mail not sent: this store has no mail server"];
/// Exceptions of PHP itself. A plugin may throw them, too, with a text of its own.
const OF_PHP: [&str; 8] = [
    "Error",
    "TypeError",
    "ParseError",
    "ArgumentCountError",
    "ArithmeticError",
    "DivisionByZeroError",
    "ValueError",
    "UnhandledMatchError",
];
/// What PHP's own messages begin with. A plugin may report texts of its own at the same levels.
const TEXTS_OF_PHP: [&str; 59] = [
    "A non-numeric value",
    "Allowed memory size",
    "Array to string conversion",
    "Attempt to ",
    "Automatic conversion",
    "Call to ",
    "Cannot access ",
    "Cannot assign ",
    "Cannot call abstract ",
    "Cannot call constructor",
    "Cannot call private ",
    "Cannot call protected ",
    "Cannot create dynamic property",
    "Cannot declare ",
    "Cannot instantiate ",
    "Cannot modify header information",
    "Cannot modify protected ",
    "Cannot modify readonly ",
    "Cannot pass parameter",
    "Cannot redeclare ",
    "Cannot traverse ",
    "Cannot unpack ",
    "Cannot unset ",
    "Cannot use ",
    "Class ",
    "Constant ",
    "Creation of dynamic property",
    "Declaration of ",
    "Deprecated: ",
    "Division by zero",
    "Error while sending",
    "Failed opening required",
    "Function ",
    "Illegal ",
    "Implicit conversion",
    "Interface ",
    "Invalid argument supplied",
    "Maximum execution time",
    "Maximum function nesting level",
    "Methods with the same name",
    "Module ",
    "Modulo by zero",
    "Named parameter",
    "Object of class ",
    "Optional parameter",
    "Out of memory",
    "PHP Startup",
    "Return type of ",
    "Return value must be ",
    "String offset ",
    "Too few arguments to function ",
    "Trait ",
    "Trying to access array offset",
    "Undefined ",
    "Unhandled match case",
    "Unknown named parameter",
    "Unsupported operand types",
    "Using $this ",
    "syntax error",
];
/// How the functions begin that PHP names in its messages, as in `mysqli_query(): Argument #1 must be`.
const FUNCTIONS: [&str; 30] = [
    "array_",
    "call_user_func",
    "chmod",
    "copy",
    "count",
    "curl_",
    "date",
    "exec",
    "explode",
    "file",
    "fopen",
    "foreach",
    "fwrite",
    "getimagesize",
    "gz",
    "header",
    "implode",
    "include",
    "ini_set",
    "json_",
    "mail",
    "mkdir",
    "mysqli_",
    "opendir",
    "preg_",
    "rename",
    "require",
    "session_",
    "simplexml_",
    "unlink",
];
/// What Apache appends to a message: the page that the visitor came from, with its query.
const REFERER: &str = ", referer: ";

/// The parts of a line that may be shown; mostly one or none. Apache writes the lines of one message as one.
pub(super) fn parts(line: &str) -> Vec<String> {
    let Apache { module, of_visitor, message } = Apache::of(line);
    let message = message.split_once(REFERER).map_or(message, |(message, _)| message);
    let mut shown: Vec<String> = message.split("\\n").filter_map(|part| part_of(part.trim(), of_visitor)).collect();
    if let (Some(module), Some(first)) = (module, shown.first_mut()) {
        first.insert_str(0, &format!("{module} "));
    }
    shown
}

/// A line of Apache's error log; of another line all is message.
struct Apache<'a> {
    /// Such as `[php:error]`.
    module: Option<&'a str>,
    of_visitor: bool,
    message: &'a str,
}

// === impl Apache ===

impl<'a> Apache<'a> {
    /// Takes off what stands in brackets before the message: time, module, process, and the visitor's address.
    fn of(line: &'a str) -> Self {
        let (mut module, mut of_visitor, mut message) = (None, false, line.trim());
        while let Some((group, rest)) = message.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            let is_module = group.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b':' | b'_'));
            if is_module && !group.is_empty() {
                module = message.get(..group.len() + 2);
            }
            of_visitor |= group.starts_with("client ") || group.starts_with("remote ");
            message = rest.trim_start();
        }
        Self { module, of_visitor, message }
    }
}

fn part_of(part: &str, of_visitor: bool) -> Option<String> {
    if let Some(level) = LEVELS.iter().find(|level| part.starts_with(**level)) {
        let text = part.get(level.len()..)?.trim_start();
        return Some(format!("{level} {}", without_values(&without_text(text))));
    }
    if let Some(text) = part.strip_prefix("WordPress database error ") {
        let (why, rest) = text.split_once(" for query ").unwrap_or((text, ""));
        let maker = rest.rsplit_once(" made by ").map_or("", |(_, maker)| maker);
        return Some(format!("WordPress database error {} made by {}", without_values(why), without_values(maker)));
    }
    if is_apaches_own(part) {
        return Some(without_values(&if of_visitor { without_request(part) } else { part.to_owned() }));
    }
    let of_trace = is_frame(part) || part == "Stack trace:" || part.starts_with("thrown in /");
    let own = OWN.iter().any(|beginning| part.starts_with(beginning));
    (of_trace || own).then(|| without_values(part))
}

/// What Apache says of a visitor's request, without what was asked for: it stands after the second colon, or after a word.
fn without_request(part: &str) -> String {
    let kept = part.splitn(3, ':').take(2).collect::<Vec<_>>().join(":");
    match kept.split_once(" request ") {
        Some((kept, _)) => format!("{kept} request {CUT}"),
        None => kept,
    }
}

/// `AH00163: ...`
fn is_apaches_own(part: &str) -> bool {
    let code = part.strip_prefix("AH").and_then(|rest| rest.get(..6));
    code.is_some_and(|code| code.ends_with(':') && code.bytes().take(5).all(|byte| byte.is_ascii_digit()))
}

/// `#0 /srv/x.php(3): f()` or `#1 {main}`
fn is_frame(part: &str) -> bool {
    let Some((number, place)) = part.strip_prefix('#').and_then(|rest| rest.split_once(' ')) else { return false };
    let is_place = place.starts_with('/') || place.starts_with("{main}") || place.starts_with("[internal function]");
    number.len() <= 4 && number.bytes().all(|byte| byte.is_ascii_digit()) && is_place
}

/// Takes out the text of a message or an exception, unless PHP wrote it.
fn without_text(text: &str) -> String {
    let place = || text.rfind(" in /").and_then(|at| text.get(at..)).unwrap_or_default();
    match text.strip_prefix("Uncaught ").and_then(|rest| rest.split_once(": ")) {
        Some((class, own)) if OF_PHP.contains(&class) && (is_of_php(own) || is_of_arguments(own)) => text.to_owned(),
        Some((class, _)) => format!("Uncaught {class}: {CUT}{}", place()),
        None if is_of_php(text) => text.to_owned(),
        None => format!("{CUT}{}", place()),
    }
}

fn is_of_php(text: &str) -> bool {
    let call = text.split_once('(').map(|(name, _)| name).filter(|name| is_name(name));
    let is_call = call.is_some_and(|name| FUNCTIONS.iter().any(|function| name.starts_with(function)));
    is_call || TEXTS_OF_PHP.iter().any(|beginning| text.starts_with(beginning))
}

/// `ship(): Argument #1 ($to) must be`, `Acme\\Rates::of(): Return value must be`: of any function, by PHP.
fn is_of_arguments(text: &str) -> bool {
    let Some((function, rest)) = text.split_once("(): ") else { return false };
    let is_function = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\\' | b':');
    function.bytes().all(is_function) && (rest.starts_with("Argument #") || rest.starts_with("Return value must be "))
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn a_fatal_error_keeps_its_cause_and_place_and_loses_values_and_visitor() {
        let line = "[Thu Nov 26 20:00:00.123456 2026] [php:error] [pid 12] [client 198.51.100.7:4711] PHP Fatal error:  \
            Uncaught TypeError: ship(): Argument #1 ($to) must be of type array, string given, called in \
            /srv/wordpress/wp-content/plugins/x/y.php on line 12\\nStack trace:\\n#0 /srv/x/y.php(12): ship('Jane Doe', \
            Object(WC_Order), '12 Main (rear) St')\\n#1 {main}\\n  thrown in /srv/x/y.php on line 3";
        let shown = parts(line).join("\n");
        assert_eq!(
            shown,
            "[php:error] PHP Fatal error: Uncaught TypeError: ship(): Argument #1 ($to) must be of type array, string \
             given, called in /srv/wordpress/wp-content/plugins/x/y.php on line 12\nStack trace:\n#0 /srv/x/y.php(12): \
             ship(...)\n#1 {main}\nthrown in /srv/x/y.php on line 3"
        );
    }

    /// `tests/fixtures/logs`: a file dropped there is a case.
    #[test]
    fn lines_of_real_logs_are_shown_without_shoppers() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/logs");
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
        let personal = read(&folder.join("personal.txt"));
        let files = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path());
        let logs: Vec<_> = files.filter(|path| path.extension().is_some_and(|kind| kind == "log")).collect();
        for path in &logs {
            let log = read(path);
            assert!(log.starts_with("# source: https://"), "{}", path.display());
            let shown: Vec<String> = log.lines().skip(1).flat_map(parts).collect();
            for word in personal.lines() {
                assert!(!shown.iter().any(|line| line.contains(word)), "{}: {word:?} in {shown:#?}", path.display());
            }
            let (text, wanted) = (shown.join("\n") + "\n", path.with_extension("shown"));
            if std::env::var_os("UPDATE_LOGS").is_some() {
                fs::write(&wanted, &text).expect("written");
            }
            assert_eq!(text, read(&wanted), "{}", path.display());
        }
        assert!(logs.len() >= 8, "{logs:?}");
    }

    #[test]
    fn nothing_of_a_shopper_is_shown() {
        let secrets = ["Jane", "Doe", "Main Street", "5550100", "example.com", "198.51.100.7", "O'Hara"];
        for line in [
            "[php:notice] [pid 1] [client 198.51.100.7:1] order of Jane Doe, 12 Main Street, +1 555 0100",
            "[26-Nov-2026 20:00:00 UTC] Jane Doe",
            "Jane Doe <jane@example.com>",
            "PHP Warning:  mail to 'Jane O'Hara' failed in /srv/x.php on line 3",
            "PHP Warning:  file_get_contents(https://api.example.com/?name=Jane+Doe): Failed to open stream in /srv/x.php",
            "PHP Fatal error:  Uncaught Exception: no route to Jane Doe in Main Street in /srv/x.php:3",
            "PHP Fatal error:  Uncaught Error: no route to Jane Doe, Main Street in /srv/x.php:3",
            "PHP Fatal error:  Uncaught ValueError: Jane Doe(): Argument #1 in /srv/x.php:3",
            "PHP Warning:  Cannot deliver to Jane Doe, 12 Main Street in /srv/x.php on line 3",
            "PHP Warning:  Cannot call Jane Doe in /srv/x.php on line 3",
            "PHP Fatal error:  Uncaught App\\Rates\\Failed: Jane in /srv/x.php:3\\nStack trace:\\n#0 Jane Doe",
            "PHP Notice:  Undefined array key \"Jane Doe",
            "PHP Warning:  call of +15550100 from 198.51.100.7 by jane@example.com",
            "WordPress database error Duplicate entry 'jane@example.com' for key 'email' for query INSERT INTO `wp_users` \
             (`name`) VALUES ('Jane Doe', 5550100) made by require('wp-blog-header.php'), save('Jane Doe')",
            "[core:error] [pid 1] [client 198.51.100.7:1] AH00126: Invalid URI in request: GET /?name=Jane HTTP/1.1",
            "#0 Jane Doe",
        ] {
            let shown = parts(line).join("\n");
            assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{line}\n-> {shown}");
        }
    }

    #[test]
    fn what_a_developer_needs_is_kept() {
        for (line, wanted) in [
            (
                "[php:error] [pid 1] PHP Fatal error:  Uncaught Error: Call to undefined function f() in /srv/x.php:3",
                "[php:error] PHP Fatal error: Uncaught Error: Call to undefined function f() in /srv/x.php:3",
            ),
            (
                "PHP Fatal error:  Allowed memory size of 268435456 bytes exhausted (tried to allocate 20480 bytes) in /srv/x.php on line 9",
                "PHP Fatal error: Allowed memory size of ... bytes exhausted (...) in /srv/x.php on line 9",
            ),
            (
                "WordPress database error Table 'wp.wp_x' doesn't exist for query SELECT 1 made by f",
                "WordPress database error Table '...' doesn't exist made by f",
            ),
            (
                "[Thu Nov 26 2026] [mpm_prefork:notice] [pid 1] AH00163: Apache/2.4 configured -- resuming",
                "[mpm_prefork:notice] AH00163: Apache/2.4 configured -- resuming",
            ),
            ("seed-content: done", "seed-content: done"),
            ("startup: the page of products answers 500", "startup: the page of products answers 500"),
        ] {
            assert_eq!(parts(line), [wanted], "{line}");
        }
    }
}
