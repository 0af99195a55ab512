<?php
/** Taxes on or off, and one rate for the shop's own country when the request names it. */

function sendstores_apply_taxes( array $request ): void {
	sendstores_set_options( array( 'woocommerce_calc_taxes' => $request['taxes'] ? 'yes' : 'no' ) );
	if ( ! $request['taxes'] || ! isset( $request['tax_rate'] ) ) {
		return;
	}
	global $wpdb;
	list( $country, $state ) = array_pad( explode( ':', $request['country'], 2 ), 2, '' );

	// Inserting never looks for an equal rate, so a repeated run would tax twice.
	$existing = $wpdb->get_var(
		$wpdb->prepare(
			"SELECT tax_rate_id FROM {$wpdb->prefix}woocommerce_tax_rates
				WHERE tax_rate_country = %s AND tax_rate_state = %s AND tax_rate_class = '' LIMIT 1",
			$country,
			$state
		)
	);
	if ( null !== $existing ) {
		return;
	}
	WC_Tax::_insert_tax_rate(
		array(
			'tax_rate_country'  => $country,
			'tax_rate_state'    => $state,
			'tax_rate'          => $request['tax_rate'],
			'tax_rate_name'     => 'Tax',
			'tax_rate_priority' => 1,
			'tax_rate_compound' => 0,
			'tax_rate_shipping' => 1,
			'tax_rate_order'    => 0,
			'tax_rate_class'    => '',
		)
	);
}

/** Whether prices are entered as shoppers pay them, and then shown so, too. Older stores were made without this: nothing changes there. */
function sendstores_apply_tax_of_prices( array $request ): void {
	if ( empty( $request['prices_include_tax'] ) ) {
		return;
	}
	sendstores_set_options(
		array(
			'woocommerce_prices_include_tax' => 'yes',
			'woocommerce_tax_display_shop'   => 'incl',
			'woocommerce_tax_display_cart'   => 'incl',
		)
	);
}
