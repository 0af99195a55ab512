//! An amount of money, kept as it was written.

use std::str::FromStr;

use super::setting::text_settings;
use crate::text::Invalid;

/// A decimal number that is not negative, with at most 9 digits before the point and 3 after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money(String);

text_settings!(Money);

impl FromStr for Money {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if !decimal(text, 9, 3) {
            return Err(Invalid::new(
                "must be a decimal number such as \"4.90\", with at most 9 digits before the point and as many after it as \
                 the currency has",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Money {
    /// How many digits after the point count: zeros at the end do not.
    pub(super) fn decimals(&self) -> usize {
        self.0.split_once('.').map_or(0, |(_, part)| part.trim_end_matches('0').len())
    }
}

/// Whether this is a decimal number that is not negative, with at most so many digits before the point and after it.
pub(super) fn decimal(text: &str, before: usize, after: usize) -> bool {
    let digits = |part: &str, max| (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    digits(whole, before) && digits(part, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_plain_decimals() {
        for good in ["0", "5", "4.9", "4.90", "1.250", "999999999.99"] {
            assert!(Money::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "-1", "+1", "1,50", "1.", ".5", "1.2345", "1e3", "NaN", "1234567890", "१"] {
            assert!(Money::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_no_decimals() {
        for (text, decimals) in [("5", 0), ("5.00", 0), ("4.90", 1), ("1.250", 2), ("1.255", 3)] {
            assert_eq!(Money::from_str(text).unwrap().decimals(), decimals, "{text}");
        }
    }
}
