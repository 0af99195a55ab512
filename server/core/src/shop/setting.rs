//! What a setting of a shop is, in the forms it takes.

use std::{fmt, str::FromStr};

use crate::{id::StoreId, shop::PaymentMethod, text::Invalid, word::Word};

/// The value of one setting.
pub trait Setting: Sized {
    /// Its form in records, in annotations, and in what the programs of a store read.
    type Stored;

    fn stored(&self) -> Self::Stored;

    /// What a caller gives must be valid.
    ///
    /// # Errors
    ///
    /// All that is wrong.
    fn parse(given: Self::Stored) -> Result<Self, Vec<Fault>>;

    /// What was accepted once is kept, whatever later rules say of it.
    ///
    /// # Errors
    ///
    /// It names one of a list, in a form that no version of this program has written.
    fn kept(stored: Self::Stored) -> Result<Self, Invalid>;

    /// A word of a newer version in it.
    fn unknown(&self) -> Option<Word> {
        None
    }
}

/// What is wrong with a setting, and where: the name of the setting, followed by the place within it if it is a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: String,
    pub why: Invalid,
}

/// What the defaults of a shop's settings depend on.
#[derive(Clone, Copy, Debug)]
pub struct NewShop<'a> {
    pub id: &'a StoreId,
    /// The public host name.
    pub host: &'a str,
}

// === impl Fault ===

impl Fault {
    pub(super) fn new(place: impl Into<String>, why: impl fmt::Display) -> Self {
        Self { place: place.into(), why: Invalid::new(why) }
    }

    /// As a part of `setting`.
    pub(super) fn within(self, setting: &str) -> Self {
        Self { place: format!("{setting}{}", self.place), ..self }
    }
}

// === impl NewShop ===

impl NewShop<'_> {
    /// WordPress refuses an address whose host has no dot.
    pub(super) fn email(&self) -> String {
        let host = self.host;
        if host.contains('.') { format!("admin@{host}") } else { format!("admin@{host}.invalid") }
    }
}

/// One fault of the setting as a whole.
pub(super) fn parse<T: FromStr<Err = Invalid>>(text: &str) -> Result<T, Vec<Fault>> {
    text.parse().map_err(|why| vec![Fault { place: String::new(), why }])
}

/// A setting that is a text of its own type.
macro_rules! text_settings {
    ($($type:ident),+) => {$(
        impl $crate::shop::Setting for $type {
            type Stored = String;

            fn stored(&self) -> String {
                self.0.clone()
            }

            fn parse(given: String) -> Result<Self, Vec<$crate::shop::Fault>> {
                $crate::shop::setting::parse(&given)
            }

            fn kept(stored: String) -> Result<Self, $crate::text::Invalid> {
                Ok(Self(stored))
            }
        }

        impl $type {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

pub(super) use text_settings;

impl Setting for bool {
    type Stored = Self;

    fn stored(&self) -> Self {
        *self
    }

    fn parse(given: Self) -> Result<Self, Vec<Fault>> {
        Ok(given)
    }

    fn kept(stored: Self) -> Result<Self, Invalid> {
        Ok(stored)
    }
}

/// One that may be absent.
impl<T: Setting> Setting for Option<T> {
    type Stored = Option<T::Stored>;

    fn stored(&self) -> Option<T::Stored> {
        self.as_ref().map(T::stored)
    }

    fn parse(given: Option<T::Stored>) -> Result<Self, Vec<Fault>> {
        given.map(T::parse).transpose()
    }

    fn kept(stored: Option<T::Stored>) -> Result<Self, Invalid> {
        stored.map(T::kept).transpose()
    }

    fn unknown(&self) -> Option<Word> {
        self.as_ref().and_then(T::unknown)
    }
}

impl Setting for Vec<PaymentMethod> {
    type Stored = Vec<String>;

    fn stored(&self) -> Vec<String> {
        self.iter().map(|method| method.as_str().to_owned()).collect()
    }

    fn parse(given: Vec<String>) -> Result<Self, Vec<Fault>> {
        let (mut methods, mut faults) = (Self::new(), Vec::new());
        for (i, name) in given.iter().enumerate() {
            match name.parse() {
                Ok(method) if methods.contains(&method) => faults.push(Fault::new(format!("[{i}]"), "is there twice")),
                Ok(method) => methods.push(method),
                Err(why) => faults.push(Fault { place: format!("[{i}]"), why }),
            }
        }
        if faults.is_empty() { Ok(methods) } else { Err(faults) }
    }

    fn kept(stored: Vec<String>) -> Result<Self, Invalid> {
        let named = |name: &String| PaymentMethod::kept(name).ok_or_else(|| no_word(name));
        stored.iter().map(named).collect()
    }

    fn unknown(&self) -> Option<Word> {
        self.iter().find_map(|method| method.unknown())
    }
}

pub(super) fn no_word(text: &str) -> Invalid {
    Invalid::new(format_args!("{text:?} is no word, or one too many that is not known"))
}
