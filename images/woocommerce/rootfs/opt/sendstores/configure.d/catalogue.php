<?php
/** One sample product, so that a new shop can sell at once. */

const SENDSTORES_SAMPLE_SKU = 'SAMPLE-1';

function sendstores_ensure_catalogue( array $request ): void {
	global $wpdb;
	if ( empty( $request['sample_catalogue'] ) ) {
		return;
	}
	// A product is saved by some 170 statements, and the SKU becomes findable late: without the transaction a process that
	// is killed in between leaves a product that the next one does not see, and there are two.
	$wpdb->query( 'START TRANSACTION' );
	if ( 0 === (int) wc_get_product_id_by_sku( SENDSTORES_SAMPLE_SKU ) ) {
		sendstores_create_sample();
	}
	$wpdb->query( 'COMMIT' );
}

function sendstores_create_sample(): void {
	$product = new WC_Product_Simple();
	$product->set_name( 'Sample product' );
	$product->set_slug( 'sample-product' );
	$product->set_sku( SENDSTORES_SAMPLE_SKU );
	$product->set_regular_price( '19.90' );
	$product->set_short_description( 'A first product to try the shop with. Replace it with your own.' );
	$product->set_status( 'publish' );
	$product->set_catalog_visibility( 'visible' );
	$product->set_manage_stock( false );
	$product->set_stock_status( 'instock' );
	if ( ! $product->save() ) {
		throw new Sendstores_Failure( 'CATALOGUE', 'the sample product could not be saved' );
	}
}
