//! What a list has: which stores, and in which order.

use std::{cmp::Ordering, str::FromStr};

use crate::{
    filter::StoreFilter,
    id::StoreId,
    store::Store,
    text::{self, Invalid},
    time::Timestamp,
};

/// Which stores are listed, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub filter: StoreFilter,
    pub search: Option<Search>,
    pub order: Order,
}

/// A text that a store must contain, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

/// The order of a list. Stores of the same time are in the order of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub by: OrderBy,
    pub descending: bool,
}

/// What stores are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    #[default]
    Id,
    CreateTime,
    UpdateTime,
}

/// Where a store is in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The beginning of time where the order is by id.
    pub time: Timestamp,
    pub id: StoreId,
}

// === impl Listing ===

impl Listing {
    /// Whether `store` is in the list.
    pub fn has(&self, store: &Store) -> bool {
        self.filter.matches(store) && self.search.as_ref().is_none_or(|search| search.finds(store))
    }

    /// Whether it is as lists were before they could be searched and ordered: of a filter, by id.
    pub fn is_plain(&self) -> bool {
        self.search.is_none() && self.order == Order::default()
    }

    /// Whether `store` comes after `place` in the list.
    pub fn is_after(&self, place: Option<&Place>, store: &Store) -> bool {
        place.is_none_or(|place| self.order.directed(self.order.key(store).cmp(&place.key())) == Ordering::Greater)
    }
}

impl From<StoreFilter> for Listing {
    fn from(filter: StoreFilter) -> Self {
        Self { filter, ..Self::default() }
    }
}

// === impl Search ===

impl Search {
    /// The longest text, in characters.
    pub const MAX: usize = 100;

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn finds(&self, store: &Store) -> bool {
        let label = |(key, value): (&str, &str)| self.is_in(&format!("{key}={value}"));
        self.is_in(store.id.as_str())
            || self.is_in(store.spec.shop.title.as_str())
            || self.is_in(&store.url)
            || store.labels.iter().any(label)
    }

    /// Nearly every text is ASCII, and then nothing is copied.
    fn is_in(&self, text: &str) -> bool {
        if !text.is_ascii() {
            return text.to_lowercase().contains(&self.0);
        }
        let wanted = self.0.as_bytes();
        text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
    }
}

impl FromStr for Search {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("must not be empty"));
        }
        if text.chars().count() > Self::MAX {
            return Err(Invalid::new(format_args!("must have {} characters at most", Self::MAX)));
        }
        if text.chars().any(text::is_unprintable) {
            return Err(Invalid::new("must not contain control characters, line breaks or text direction marks"));
        }
        Ok(Self(text.to_lowercase()))
    }
}

// === impl Order ===

impl Order {
    /// Where the store is.
    pub fn place(self, store: &Store) -> Place {
        Place { time: self.time(store), id: store.id.clone() }
    }

    /// Which of two stores comes first.
    pub fn compare(self, one: &Store, other: &Store) -> Ordering {
        self.directed(self.key(one).cmp(&self.key(other)))
    }

    fn key(self, store: &Store) -> (Timestamp, &StoreId) {
        (self.time(store), &store.id)
    }

    fn time(self, store: &Store) -> Timestamp {
        match self.by {
            OrderBy::Id => Timestamp::from_micros(0),
            OrderBy::CreateTime => store.create_time,
            OrderBy::UpdateTime => store.update_time,
        }
    }

    fn directed(self, order: Ordering) -> Ordering {
        if self.descending { order.reverse() } else { order }
    }
}

/// A field, and after it nothing, `asc` or `desc`. Spaces around them do not count (AIP-132).
impl FromStr for Order {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || Invalid::new("must be id, create_time or update_time, and then nothing, asc or desc");
        let mut words = text.split_whitespace();
        let by = match words.next() {
            Some("id") => OrderBy::Id,
            Some("create_time") => OrderBy::CreateTime,
            Some("update_time") => OrderBy::UpdateTime,
            _ => return Err(refused()),
        };
        let descending = match (words.next(), words.next()) {
            (None | Some("asc"), None) => false,
            (Some("desc"), None) => true,
            _ => return Err(refused()),
        };
        Ok(Self { by, descending })
    }
}

// === impl Place ===

impl Place {
    fn key(&self) -> (Timestamp, &StoreId) {
        (self.time, &self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    #[test]
    fn an_order_is_a_field_and_a_direction() {
        for (text, by, descending) in [
            ("id", OrderBy::Id, false),
            ("create_time", OrderBy::CreateTime, false),
            ("create_time asc", OrderBy::CreateTime, false),
            ("  update_time   desc ", OrderBy::UpdateTime, true),
        ] {
            assert_eq!(text.parse(), Ok(Order { by, descending }), "{text:?}");
        }
        for bad in ["", " ", "desc", "title", "id desc desc", "id,create_time", "create_time DESC", "id down"] {
            assert!(bad.parse::<Order>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_search_is_in_the_id_the_title_the_url_or_a_label() {
        let mut store = fixture::store("store-tea");
        store.spec.shop.title = "Grüße & Co".parse().expect("a title");
        store.url = "http://shop.example.org".to_owned();
        store.labels = crate::Labels::parse([("Team".to_owned(), "blue".to_owned())]).expect("labels");
        for found in ["TEA", "grüss", "GRÜßE", "example.ORG", "team=blue", "m=b", "& c"] {
            let is_there = found.parse::<Search>().expect("a search").finds(&store);
            assert_eq!(is_there, found != "grüss", "{found:?}");
        }
        for missing in ["coffee", "team=red", "blue=team"] {
            assert!(!missing.parse::<Search>().expect("a search").finds(&store), "{missing:?}");
        }
        assert!("x".repeat(Search::MAX).parse::<Search>().is_ok());
        for bad in [String::new(), "x".repeat(Search::MAX + 1), "a\nb".to_owned(), "a\u{202e}b".to_owned()] {
            assert!(bad.parse::<Search>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn stores_of_one_time_are_in_the_order_of_ids_in_the_same_direction() {
        let (a, b) = (fixture::store("store-a"), fixture::store("store-b"));
        for by in [OrderBy::Id, OrderBy::CreateTime, OrderBy::UpdateTime] {
            for descending in [false, true] {
                let order = Order { by, descending };
                assert_eq!(order.compare(&a, &b), if descending { Ordering::Greater } else { Ordering::Less });
                let listing = Listing { order, ..Listing::default() };
                assert_eq!(listing.is_after(Some(&order.place(&a)), &b), !descending);
                assert!(!listing.is_after(Some(&order.place(&a)), &a) && listing.is_after(None, &a));
            }
        }
    }
}
