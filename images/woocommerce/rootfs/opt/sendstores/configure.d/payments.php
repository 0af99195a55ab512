<?php
/** Payment methods that need no account: cash on delivery, bank transfer, cheque. */

function sendstores_enable_payments( array $request ): void {
	foreach ( $request['payment_methods'] as $method ) {
		// Written as an option: the gateway's own setter would mail the merchant about each of them.
		$name     = "woocommerce_{$method}_settings";
		$settings = get_option( $name, array() );
		sendstores_set_options( array( $name => array_merge( is_array( $settings ) ? $settings : array(), array( 'enabled' => 'yes' ) ) ) );
	}
}
