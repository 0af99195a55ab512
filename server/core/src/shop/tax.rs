//! The rate of a tax.

use std::str::FromStr;

use super::{money::decimal, setting::text_settings};
use crate::text::Invalid;

/// A rate in percent, kept as it was written: at most 2 digits before the point and 4 after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRate(String);

text_settings!(TaxRate);

impl FromStr for TaxRate {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if !decimal(text, 2, 4) {
            return Err(Invalid::new(
                "must be a rate in percent such as \"19\" or \"7.25\", with at most 2 digits before the point and 4 after it",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_plain_decimals() {
        for good in ["0", "19", "7.25", "99.9999"] {
            assert!(TaxRate::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "100", "-1", "19%", "7,25", "7.", ".5", "1.23456", "1e1"] {
            assert!(TaxRate::from_str(bad).is_err(), "{bad}");
        }
    }
}
