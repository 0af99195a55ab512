<?php
/** Checks the request against WooCommerce's own lists, before anything is written. */

class Sendstores_Failure extends Exception {
	public string $reason;

	public function __construct( string $reason, string $detail ) {
		parent::__construct( $detail );
		$this->reason = $reason;
	}
}

function sendstores_validate( array $request ): void {
	list( $country, $state ) = array_pad( explode( ':', $request['country'], 2 ), 2, '' );
	$states                  = WC()->countries->get_states( $country );

	$checks = array(
		'country'         => isset( WC()->countries->get_countries()[ $country ] ) && ( '' === $state || ! $states || isset( $states[ $state ] ) ),
		'currency'        => isset( get_woocommerce_currencies()[ $request['currency'] ] ),
		// WordPress takes the older names, too.
		'timezone'        => in_array( $request['timezone'], timezone_identifiers_list( DateTimeZone::ALL_WITH_BC ), true ),
		'weight_unit'     => in_array( $request['weight_unit'], array( 'kg', 'g', 'lbs', 'oz' ), true ),
		'dimension_unit'  => in_array( $request['dimension_unit'], array( 'm', 'cm', 'mm', 'in', 'yd' ), true ),
		'payment_methods' => array() === array_diff( $request['payment_methods'], array( 'cod', 'bacs', 'cheque' ) ),
		'flat_rate'       => ! isset( $request['flat_rate'] ) || preg_match( '/^\d{1,9}(\.\d{1,4})?$/D', $request['flat_rate'] ),
		'tax_rate'        => ! isset( $request['tax_rate'] ) || preg_match( '/^\d{1,2}(\.\d{1,4})?$/D', $request['tax_rate'] ),
	);
	foreach ( $checks as $field => $valid ) {
		if ( ! $valid ) {
			throw new Sendstores_Failure( 'INVALID_SETTING', "$field: not accepted by this WooCommerce: " . json_encode( $request[ $field ] ) );
		}
	}
}
