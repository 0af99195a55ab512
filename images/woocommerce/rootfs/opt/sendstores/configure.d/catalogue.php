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

/**
 * Units of these are worth less than a cent of a dollar or a euro, or about one: a product costs thousands of them. Taken
 * roughly, from rates of 2025; a price to try the shop with need not follow them.
 */
const SENDSTORES_SMALL_UNITS = 'AMD AOA ARS BIF CDF CLP COP CRC DJF GNF HUF IDR IQD IRR ISK JPY KHR KMF KRW KZT LAK LBP LKR LRD MGA MMK MNT '
	. 'MWK NGN PKR PYG RSD RWF SDG SOS SSP SYP TZS UGX UZS VES VND VUV XAF XOF XPF YER';
const SENDSTORES_TINY_UNITS  = 'GNF IDR IRR LAK LBP MGA PYG SYP TZS UGX UZS VND';

/** In a plausible size, and a whole number of the smallest unit that the shop's prices have, so that ten cost ten times as much. */
function sendstores_sample_price(): string {
	$currency = get_woocommerce_currency();
	$decimals = wc_get_price_decimals();
	foreach ( array( array( SENDSTORES_TINY_UNITS, 199000 ), array( SENDSTORES_SMALL_UNITS, 1990 ) ) as list( $currencies, $price ) ) {
		if ( in_array( $currency, explode( ' ', $currencies ), true ) ) {
			return (string) $price;
		}
	}
	return 3 === $decimals ? '5.900' : ( 2 === $decimals ? '19.90' : '20' );
}

function sendstores_create_sample(): void {
	$product = new WC_Product_Simple();
	$product->set_name( 'Sample product' );
	$product->set_slug( 'sample-product' );
	$product->set_sku( SENDSTORES_SAMPLE_SKU );
	$product->set_regular_price( sendstores_sample_price() );
	$product->set_short_description( 'A first product to try the shop with. Replace it with your own.' );
	$product->set_status( 'publish' );
	$product->set_catalog_visibility( 'visible' );
	$product->set_manage_stock( false );
	$product->set_stock_status( 'instock' );
	if ( ! $product->save() ) {
		throw new Sendstores_Failure( 'CATALOGUE', 'the sample product could not be saved' );
	}
}
