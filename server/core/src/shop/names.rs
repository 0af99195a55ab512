//! Texts about the merchant and the shop.

use std::str::FromStr;

use super::setting::text_settings;
use crate::text::{self, Invalid};

/// The shop's name: one line of 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title(String);

/// An e-mail address of the plain form `name@host`, 6 to 100 characters, which WordPress accepts too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

/// A login name: 1 to 60 of `a-z 0-9 . - _`, beginning with a letter, which WordPress accepts too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminUser(String);

text_settings!(Title, Email, AdminUser);

impl FromStr for Title {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text::plain_line(text, 100).map(|text| Self(text.to_owned()))
    }
}

impl FromStr for Email {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused =
            || Invalid::new("must be an e-mail address such as \"owner@example.com\", of 6 to 100 characters");
        let (local, host) = text.split_once('@').ok_or_else(refused)?;
        let local_ok = !local.is_empty()
            && !local.starts_with(['.', '-'])
            && local.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'));
        let label_ok = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if !(6..=100).contains(&text.len()) || !local_ok || !host.contains('.') || !host.split('.').all(label_ok) {
            return Err(refused());
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for AdminUser {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
        if text.len() > 60 || !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.chars().all(allowed) {
            return Err(Invalid::new("must be 1 to 60 of a-z, 0-9, '.', '-' and '_', beginning with a letter"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_mail_addresses_are_plain() {
        for good in ["a@b.co", "owner+shop@mail.example.com", "admin@store-x.localhost"] {
            assert!(Email::from_str(good).is_ok(), "{good}");
        }
        for bad in [
            "", "a", "@b.co", "a@b", "a@b.c", "a@.co", "a b@c.de", "a@b.co\n", "-a@b.co", "a@-b.co", "a@b..co",
            "ä@b.co",
        ] {
            assert!(Email::from_str(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn login_names_cannot_be_taken_for_flags() {
        assert!(AdminUser::from_str("merchant-1").is_ok());
        for bad in ["", "--exec=x", "-a", "1a", "Admin", "a b", "a'b"] {
            assert!(AdminUser::from_str(bad).is_err(), "{bad:?}");
        }
    }
}
