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


def accepted(name):
    with open(os.path.join(SHOP, "codes.rs")) as file:
        text = re.search(rf'const {name}: &str = "(.*?)";', file.read(), re.DOTALL)[1]
    return set(text.replace("\\\n", " ").split())


def accepted_states():
    with open(os.path.join(SHOP, "states.tsv")) as file:
        lines = [line.rstrip("\n").split("\t") for line in file]
    return {country: set(states) for country, *states in lines}


CHECKS = [accepted_codes_are_known_to_the_shop, every_language_of_the_image_is_accepted]
