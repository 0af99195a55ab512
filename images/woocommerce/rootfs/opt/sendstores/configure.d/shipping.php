<?php
/** One flat rate for every address. */

function sendstores_ensure_flat_rate( array $request ): void {
	if ( ! isset( $request['flat_rate'] ) ) {
		return;
	}
	// Zone 0 always exists and takes every address that no other zone takes.
	$zone     = new WC_Shipping_Zone( 0 );
	$instance = sendstores_flat_rate_instance();
	if ( 0 === $instance ) {
		$instance = $zone->add_shipping_method( 'flat_rate' );
	}
	$name     = "woocommerce_flat_rate_{$instance}_settings";
	$defaults = array(
		'title'      => 'Flat rate',
		'tax_status' => 'taxable',
	);
	$settings = get_option( $name, array() );
	sendstores_set_options( array( $name => array( 'cost' => $request['flat_rate'] ) + ( is_array( $settings ) ? $settings : array() ) + $defaults ) );
	WC_Cache_Helper::get_transient_version( 'shipping', true );
}

function sendstores_flat_rate_instance(): int {
	global $wpdb;
	return (int) $wpdb->get_var(
		"SELECT instance_id FROM {$wpdb->prefix}woocommerce_shipping_zone_methods
			WHERE zone_id = 0 AND method_id = 'flat_rate' ORDER BY instance_id LIMIT 1"
	);
}
