//! The text of a token: `sst_`, the id, `_`, the secret and a checksum.
//!
//! The id is readable, so that logs can name a token without its secret. The prefix and the checksum let scanners of
//! leaked secrets recognise a token in any text, and a damaged token is refused before anything is looked up.

use std::fmt;

use crate::id::TokenId;

const PREFIX: &str = "sst_";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 190 bits.
const SECRET: usize = 32;
/// As many digits as 32 bits need.
const CHECK: usize = 6;
const LENGTH: usize = PREFIX.len() + TokenId::LENGTH + 1 + SECRET + CHECK;

/// The text of a token. It is shown by nothing but [`TokenText::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct TokenText(String);

// === impl TokenText ===

impl TokenText {
    /// A new one; `digit` returns an unpredictable random number from 0 to 61.
    pub fn generate(mut digit: impl FnMut() -> usize) -> Self {
        let mut text = PREFIX.to_owned();
        let mut push = |text: &mut String, count| (0..count).for_each(|_| text.push(char::from(DIGITS[digit() % 62])));
        push(&mut text, TokenId::LENGTH);
        text.push('_');
        push(&mut text, SECRET);
        text += &check(&text);
        Self(text)
    }

    /// `None`: the text is no token, or a damaged one.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH || !text.is_ascii() {
            return None;
        }
        let (body, sum) = text.split_at(LENGTH - CHECK);
        let (id, secret) = body.strip_prefix(PREFIX)?.split_at(TokenId::LENGTH);
        let secret = secret.strip_prefix('_')?;
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (digits(id) && digits(secret) && check(body) == sum).then(|| Self(text.to_owned()))
    }

    pub fn id(&self) -> TokenId {
        TokenId::of_digits(&self.0[PREFIX.len()..PREFIX.len() + TokenId::LENGTH])
    }

    /// The text itself. The caller must not write it anywhere.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// The CRC-32 of `text` (the one of zlib), with digits of base 62.
fn check(text: &str) -> String {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    let sum = !text.bytes().fold(!0, |crc: u32, byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)));
    let digit = |place: usize| {
        let shifted = (0..place).fold(sum, |rest, _| rest / 62);
        char::from(DIGITS[usize::try_from(shifted % 62).unwrap_or(0)])
    };
    (0..CHECK).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> TokenText {
        let mut next = 0;
        TokenText::generate(|| {
            next = (next * 31 + 7) % 62;
            next
        })
    }

    #[test]
    fn a_token_has_its_id_in_it_and_is_printed_by_nobody() {
        let token = token();
        let text = token.expose();
        assert_eq!((text.len(), &text[..4], &text[14..15]), (53, "sst_", "_"));
        assert_eq!(token.id().as_str(), &text[4..14]);
        assert_eq!(TokenText::parse(text), Some(token.clone()));
        assert_eq!(format!("{token:?}"), "[hidden]");
    }

    #[test]
    fn the_checksum_is_zlibs() {
        // CRC-32 of "123456789" is 0xcbf43926.
        let sum = check("123456789")
            .bytes()
            .fold(0u64, |sum, byte| sum * 62 + DIGITS.iter().position(|digit| *digit == byte).expect("a digit") as u64);
        assert_eq!(sum, 0xcbf4_3926);
    }

    #[test]
    fn damage_is_noticed_at_every_byte() {
        let text = token().expose().to_owned();
        for i in 0..text.len() {
            for other in [b'A', b'b', b'_', b' ', 0xff] {
                let mut damaged = text.clone().into_bytes();
                damaged[i] = other;
                let Ok(damaged) = String::from_utf8(damaged) else { continue };
                assert!(damaged == text || TokenText::parse(&damaged).is_none(), "byte {i}: {damaged}");
            }
        }
        for bad in ["", "sst_", &text[1..], &format!("{text}0"), &text.replace("sst", "ght")] {
            assert!(TokenText::parse(bad).is_none(), "{bad}");
        }
    }
}
