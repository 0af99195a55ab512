//! An amount of money, kept as it was written.

use std::str::FromStr;

use super::setting::text_settings;
use crate::text::Invalid;

/// A decimal number that is not negative, with at most 9 digits before and 2 behind the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Money(String);

text_settings!(Money);

impl FromStr for Money {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (whole, cents) = text.split_once('.').unwrap_or((text, "00"));
        let digits = |part: &str, max| (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole, 9) || !digits(cents, 2) {
            return Err(Invalid::new(
                "must be a decimal number such as \"4.90\", with at most 9 digits before and 2 behind the point",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_plain_decimals() {
        for good in ["0", "5", "4.9", "4.90", "999999999.99"] {
            assert!(Money::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "-1", "+1", "1,50", "1.", ".5", "1.234", "1e3", "NaN", "1234567890", "१"] {
            assert!(Money::from_str(bad).is_err(), "{bad}");
        }
    }
}
