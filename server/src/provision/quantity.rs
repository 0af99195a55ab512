//! Amounts as Kubernetes writes them: `250m`, `1.5`, `512Mi`, `2G`. The API server rewrites them (`1024Mi` becomes `1Gi`), so
//! that they are compared by what they mean.

/// Each suffix and what it multiplies by, in thousandths.
const SUFFIXES: [(&str, u128); 13] = [
    ("Ki", 1_000 << 10),
    ("Mi", 1_000 << 20),
    ("Gi", 1_000 << 30),
    ("Ti", 1_000 << 40),
    ("Pi", 1_000 << 50),
    ("m", 1),
    ("k", 1_000_000),
    ("M", 1_000_000_000),
    ("G", 1_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("P", 1_000_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000_000),
    ("", 1_000),
];

/// The amount in thousandths; `None` for what is no amount, is negative, or is too large to count.
pub(crate) fn thousandths(text: &str) -> Option<u128> {
    let (suffix, unit) = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix))?;
    let number = text.strip_suffix(suffix)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts = fraction.parse::<u128>().ok()?.checked_mul(*unit)? / scale;
    whole.parse::<u128>().ok()?.checked_mul(*unit)?.checked_add(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amount_in_other_words_is_the_same() {
        for (one, other) in [("1024Mi", "1Gi"), ("2", "2000m"), ("0.5", "500m"), ("1.5Gi", "1536Mi"), ("4k", "4000")] {
            assert_eq!(thousandths(one), thousandths(other), "{one} {other}");
            assert!(thousandths(one).is_some(), "{one}");
        }
        assert!(thousandths("100Gi") > thousandths("50Gi"));
        assert!(thousandths("1G") < thousandths("1Gi"));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "Gi", "-1", "1 Gi", "1Bi", "1.", ".5", "0x10", "1e3", "lots", "9999999999999999999", "١Gi"] {
            assert_eq!(thousandths(text), None, "{text}");
        }
    }
}
