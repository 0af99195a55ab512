<?php
/**
 * What opens a shop: WooCommerce's first-run work, its pages, and none of its "coming soon" or set-up wizard.
 *
 * It has version 1 for good (steps.php): in a store that an older image opened, front page and content are the merchant's.
 */

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
	sendstores_remove_samples();
	sendstores_front_page();
}

/** WordPress' first post, comment and page, as it left them: they are about WordPress, and shoppers would find them. */
function sendstores_remove_samples(): void {
	// By number, since their names are in the language of the store. The installer makes no others.
	foreach ( array( 1 => 'post', 2 => 'page' ) as $id => $type ) {
		$sample = get_post( $id );
		if ( $sample && $type === $sample->post_type && $sample->post_modified_gmt === $sample->post_date_gmt ) {
			wp_delete_post( $id, true );
		}
	}
}

/** The shop is what a visitor sees first. */
function sendstores_front_page(): void {
	sendstores_set_options(
		array(
			'page_on_front' => (string) wc_get_page_id( 'shop' ),
			'show_on_front' => 'page',
		)
	);
}
