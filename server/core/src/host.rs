//! The host name of a store's public address.

use crate::text::Invalid;

/// The longest label of a host name, in characters (RFC 1035).
const MAX_LABEL: usize = 63;
/// The longest host name, in characters.
const MAX_HOST: usize = 253;

/// Checks a host name in lower case: labels of 1 to 63 letters, digits and hyphens, no hyphen at the ends of a label, 253
/// characters at most. A last label of digits alone is refused, since browsers take such a name for an address.
///
/// # Errors
///
/// Names the label that is wrong, and its length.
pub fn check(host: &str) -> Result<(), Invalid> {
    if host.len() > MAX_HOST {
        return Err(Invalid::new(format_args!(
            "makes a host name of {} characters, {MAX_HOST} at most are possible",
            host.len()
        )));
    }
    host.split('.').try_for_each(check_label)?;
    let last = host.rsplit('.').next().unwrap_or_default();
    match last.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Err(Invalid::new("makes a host name that ends in a number")),
        false => Ok(()),
    }
}

fn check_label(label: &str) -> Result<(), Invalid> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if label.is_empty() {
        return Err(Invalid::new("makes a host name with an empty label"));
    }
    if label.len() > MAX_LABEL {
        return Err(Invalid::new(format_args!(
            "makes a host name with a label of {} characters, {MAX_LABEL} at most are possible",
            label.len()
        )));
    }
    if !label.bytes().all(allowed) {
        return Err(Invalid::new("makes a host name with characters other than a-z, 0-9, '-' and '.'"));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(Invalid::new("makes a host name with a label that begins or ends with '-'"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_made_of_whole_labels() {
        let longest = "a".repeat(63);
        for good in ["store-a", "store-a.example.com", "1.example.com", "xn--mnchen-3ya.example", &longest] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let label = format!("{longest}a.example.com");
        let host = [longest.as_str(); 4].join(".");
        for (bad, why) in [
            ("", "empty label"),
            ("store-a..example.com", "empty label"),
            (".example.com", "empty label"),
            ("example.com.", "empty label"),
            ("-store-a.example.com", "begins or ends"),
            ("store-a-.example.com", "begins or ends"),
            ("store_a.example.com", "other than"),
            ("Store.example.com", "other than"),
            ("store-a.1", "ends in a number"),
            (&label, "a label of 64"),
            (&host, "of 255 characters"),
        ] {
            let refused = check(bad).expect_err(bad).to_string();
            assert!(refused.contains(why), "{bad}: {refused}");
        }
    }
}
