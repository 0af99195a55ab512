<?php
/** The shop's general settings. */

function sendstores_apply_settings( array $request ): void {
	sendstores_set_options(
		array(
			// Stored as HTML, see `install`.
			'blogname'                     => htmlspecialchars( $request['title'], ENT_QUOTES | ENT_HTML401, 'UTF-8' ),
			'timezone_string'              => $request['timezone'],
			'woocommerce_default_country'  => $request['country'],
			'woocommerce_currency'         => $request['currency'],
			'woocommerce_weight_unit'      => $request['weight_unit'],
			'woocommerce_dimension_unit'   => $request['dimension_unit'],
		) + sendstores_price_format( $request )
	);
}

/** How prices are written: the country's habit if it uses this currency, else only the currency's number of decimals. */
function sendstores_price_format( array $request ): array {
	$locales = require WC()->plugin_path() . '/i18n/locale-info.php';
	$country = explode( ':', $request['country'] )[0];
	$info    = $locales[ $country ] ?? array();
	if ( ( $info['currency_code'] ?? '' ) === $request['currency'] ) {
		return array(
			'woocommerce_currency_pos'       => $info['currency_pos'],
			'woocommerce_price_thousand_sep' => $info['thousand_sep'],
			'woocommerce_price_decimal_sep'  => $info['decimal_sep'],
			'woocommerce_price_num_decimals' => (string) $info['num_decimals'],
		);
	}
	$same = array_filter( $locales, static fn( $other ) => ( $other['currency_code'] ?? '' ) === $request['currency'] );
	return $same ? array( 'woocommerce_price_num_decimals' => (string) reset( $same )['num_decimals'] ) : array();
}
