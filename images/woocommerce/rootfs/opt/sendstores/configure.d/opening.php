<?php
/** What opens a shop: WooCommerce's first-run work, its pages, and none of its "coming soon" or set-up wizard. */

function sendstores_open_shop(): void {
	// Otherwise this waits for the merchant's first visit to wp-admin, and would close the selling shop then.
	WC_Install::newly_installed();
	// Pages exist since the activation; this repairs what a crash or a clean-up took away.
	WC_Install::create_pages();

	sendstores_set_options(
		array(
			'woocommerce_coming_soon'                  => 'no',
			'woocommerce_store_pages_only'             => 'no',
			'woocommerce_allow_tracking'               => 'no',
			'woocommerce_show_marketplace_suggestions' => 'no',
			'woocommerce_task_list_hidden_lists'       => array( 'setup', 'extended' ),
			'woocommerce_onboarding_profile'           => array( 'skipped' => true ),
			'permalink_structure'                      => '/%postname%/',
		)
	);
	delete_transient( '_wc_activation_redirect' );
}
