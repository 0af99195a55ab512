//! Cuts values out of a line of a log. What a program says of itself stays; what it was given goes.

use std::net::{IpAddr, SocketAddr};

/// What stands for a value that was cut.
pub(crate) const CUT: &str = "...";
/// Numbers of so many digits may be those of a phone or a card.
const LONG_NUMBER: usize = 7;

/// The text without what it quotes, calls with or counts: quoted strings, arguments, addresses, long numbers.
pub fn without_values(text: &str) -> String {
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

/// Addresses of mail, of machines and of pages, and long numbers.
fn may_be_personal(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    word.contains('@')
        || word.contains("://")
        || holds_address(word)
        || (digits >= LONG_NUMBER && !word.starts_with('/'))
}

/// Whether the address of a machine stands in the word, such as `ip=198.51.100.7` or `[2001:db8::1]:443`.
fn holds_address(word: &str) -> bool {
    let of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    word.split(|c| !of_address(c)).any(|piece| {
        let bare = piece.trim_end_matches(['.', ':']).trim_start_matches('.');
        // A class and its method may read as an address: `Add::d`.
        let numbered = bare.bytes().filter(u8::is_ascii_digit).count() > 1;
        numbered && (bare.parse::<IpAddr>().is_ok() || bare.parse::<SocketAddr>().is_ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_and_what_a_program_says_of_itself_stays() {
        for (line, wanted) in [
            ("call of f($a) with 'Jane' in /srv/x.php on line 12", "call of f($a) with '...' in /srv/x.php on line 12"),
            ("from ip=198.51.100.7, by [2001:db8::1]:443 and 2001:db8::7", "from ... by ... and ..."),
            ("Add::d and Wc_Cache::f1() at 20:00:00 of 8.2.30", "Add::d and Wc_Cache::f1() at 20:00:00 of 8.2.30"),
            ("read https://api.example.com/?name=Jane for jane@example.com", "read ... for ..."),
            ("/srv/5550100/x.php, +15550100", "/srv/5550100/x.php, ..."),
        ] {
            assert_eq!(without_values(line), wanted, "{line}");
        }
    }
}
