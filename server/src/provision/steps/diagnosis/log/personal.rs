//! Lines of the application's log without what they may say of shoppers.
//!
//! A plugin may log anything: a name, an address, a whole order. So only lines of known shapes are kept: what PHP itself
//! reports, WordPress' database errors, Apache's own messages and those of the image's scripts. In these, the values are
//! cut: quoted strings, arguments, SQL, long numbers, addresses, and the text of exceptions that are not PHP's own.

use std::net::IpAddr;

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
const OWN: [&str; 3] = ["seed-content: ", "wp-config: ", "mail not sent: this store has no mail server"];
/// Exceptions whose text PHP writes, mostly: names of code, and values in quotes.
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
/// Numbers of so many digits may be those of a phone or a card.
const LONG_NUMBER: usize = 7;
const CUT: &str = "...";

/// The parts of a line that may be shown; mostly one or none. Apache writes the lines of one message as one.
pub(super) fn parts(line: &str) -> Vec<String> {
    let Apache { module, of_visitor, message } = Apache::of(line);
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
            of_visitor |= group.starts_with("client ");
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
        // Behind the second colon is what the visitor asked for.
        let kept = if of_visitor { part.splitn(3, ':').take(2).collect::<Vec<_>>().join(":") } else { part.to_owned() };
        return Some(without_values(&kept));
    }
    let of_trace = is_frame(part) || part == "Stack trace:" || part.starts_with("thrown in /");
    let own = OWN.iter().any(|beginning| part.starts_with(beginning));
    (of_trace || own).then(|| without_values(part))
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

/// Takes out the text of an exception, unless PHP wrote it.
fn without_text(text: &str) -> String {
    let Some((class, rest)) = text.strip_prefix("Uncaught ").and_then(|rest| rest.split_once(": ")) else {
        return text.to_owned();
    };
    if OF_PHP.contains(&class) {
        return text.to_owned();
    }
    let place = rest.rfind(" in /").and_then(|at| rest.get(at..)).unwrap_or_default();
    format!("Uncaught {class}: {CUT}{place}")
}

fn without_values(text: &str) -> String {
    let words = without_arguments(&without_quoted(text));
    words.split(' ').map(|word| if may_be_personal(word) { CUT } else { word }).collect::<Vec<_>>().join(" ")
}

/// Cuts what stands in quotes. A quote within a word is an apostrophe; a quote that is not closed is cut to the end.
fn without_quoted(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        kept.push(c);
        let in_word = at > 0 && characters.get(at - 1).is_some_and(|before| before.is_alphanumeric());
        at += 1;
        if !matches!(c, '\'' | '"') || in_word {
            continue;
        }
        let closes = |end: &usize| {
            characters.get(*end) == Some(&c) && characters.get(end + 1).is_none_or(|next| !next.is_alphanumeric())
        };
        let end = (at..characters.len()).find(closes);
        kept.push_str(CUT);
        kept.push(c);
        at = end.map_or(characters.len(), |end| end + 1);
    }
    kept
}

/// Cuts what stands in parentheses, but for numbers of lines and names of parameters.
fn without_arguments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once('(') {
        let end = closing(inside);
        let argument = inside.get(..end).unwrap_or_default();
        let digits = argument.len() < LONG_NUMBER && argument.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let harmless = digits || argument.strip_prefix('$').is_some_and(is_name);
        kept.push_str(before);
        kept.push('(');
        kept.push_str(if harmless { argument } else { CUT });
        rest = inside.get(end..).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}

/// Where the parenthesis that was just opened is closed: at the end, if it is not.
fn closing(inside: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return at,
            ')' => depth -= 1,
            _ => {}
        }
    }
    inside.len()
}

/// Addresses of mail and of machines, and long numbers.
fn may_be_personal(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != ':');
    let is_address = bare.parse::<IpAddr>().is_ok() || bare.parse::<std::net::SocketAddr>().is_ok();
    let digits = word.chars().filter(char::is_ascii_digit).count();
    word.contains('@') || is_address || (digits >= LONG_NUMBER && !word.starts_with('/'))
}

#[cfg(test)]
mod tests {
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
        ] {
            assert_eq!(parts(line), [wanted], "{line}");
        }
    }
}
