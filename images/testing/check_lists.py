"""What the control plane accepts at Create is what the image knows: countries, states, currencies, languages."""

import json
import os
import re

SHOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../server/core/src/shop")
ASK = """$states = array();
foreach ( array_keys( WC()->countries->get_countries() ) as $country ) {
	$states[ $country ] = array_map( 'strval', array_keys( WC()->countries->get_states( $country ) ?: array() ) );
}
echo json_encode( array( $states, array_keys( get_woocommerce_currencies() ) ) );"""

PRICES = """require '/opt/sendstores/configure.d/steps.php';
$prices = array();
foreach ( array_keys( get_woocommerce_currencies() ) as $currency ) {
	$format = sendstores_price_format( array( 'country' => 'US', 'currency' => $currency ) ) + array( 'woocommerce_price_num_decimals' => '2' );
	add_filter( 'pre_option_woocommerce_currency', $is = static fn() => $currency );
	add_filter( 'pre_option_woocommerce_price_num_decimals', $has = static fn() => $format['woocommerce_price_num_decimals'] );
	$prices[ $currency ] = array( wc_get_price_decimals(), sendstores_sample_price() );
	remove_filter( 'pre_option_woocommerce_currency', $is );
	remove_filter( 'pre_option_woocommerce_price_num_decimals', $has );
}
echo json_encode( $prices );"""


def accepted_codes_are_known_to_the_shop(store):
    code, out, err = store.wordpress.exec("wp", "eval", ASK)
    assert code == 0, err
    states, currencies = json.loads(out)
    unknown = accepted("COUNTRIES") - set(states), accepted("CURRENCIES") - set(currencies)
    assert unknown == (set(), set()), unknown

    ours = accepted_states()
    theirs = {country: set(codes) for country, codes in states.items() if codes}
    # The stand-in has the states of one country, WooCommerce all that there are.
    if len(theirs) == 1:
        ours = {country: ours[country] for country in theirs}
    assert ours == theirs, {country: ours.get(country, set()) ^ theirs.get(country, set()) for country in ours.keys() | theirs.keys()
                            if ours.get(country) != theirs.get(country)}
    return f"{sum(map(len, theirs.values()))} states of {len(theirs)} countries"


def every_language_of_the_image_is_accepted(store):
    files = os.listdir(store.content("languages"))
    languages = {match[1] for file in files if (match := re.fullmatch(r"([a-z]{2,3}(?:_\w+)?)\.(?:l10n\.php|mo)", file))}
    assert languages and languages <= accepted("LOCALES"), languages - accepted("LOCALES")
    return f"{len(languages)} besides en_US"


def amounts_fit_their_currency(store):
    """The sample's price is whole in the smallest unit, and the control plane counts as many decimals as the shop has at most."""
    code, out, err = store.wordpress.exec("wp", "eval", PRICES)
    assert code == 0, err
    prices = json.loads(out)
    for currency, (decimals, price) in prices.items():
        assert len(price.partition(".")[2]) <= decimals and float(price) >= 1, (currency, decimals, price)
    assert (prices["JPY"], prices["KWD"], prices["EUR"]) == ([0, "1990"], [3, "5.900"], [2, "19.90"]), prices
    none, three = accepted("WITHOUT_DECIMALS"), accepted("WITH_THREE_DECIMALS")
    ours = {currency: 0 if currency in none else 3 if currency in three else 2 for currency in accepted("CURRENCIES")}
    # The stand-in knows the habits of a few countries only.
    if "standin" not in store.state()["woocommerce_code"]:
        fewer = {currency for currency in none | three if prices[currency][0] != ours[currency]}
        assert not fewer, fewer
    return f"{len(prices)} currencies"


def accepted(name):
    with open(os.path.join(SHOP, "codes.rs")) as file:
        text = re.search(rf'const {name}: &str = "(.*?)";', file.read(), re.DOTALL)[1]
    return set(text.replace("\\\n", " ").split())


def accepted_states():
    with open(os.path.join(SHOP, "states.tsv")) as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    return {country: set(states) for country, *states in lines}


CHECKS = [accepted_codes_are_known_to_the_shop, every_language_of_the_image_is_accepted, amounts_fit_their_currency]
