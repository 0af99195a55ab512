<?php
/** No page makes the browser of a shopper or a merchant ask a host outside the shop. */

defined( 'ABSPATH' ) || exit;

// Gravatar would learn of each author, reviewer and visitor. A plugin with pictures of its own comes before this.
add_filter(
	'pre_get_avatar_data',
	static function ( $data ) {
		if ( ! isset( $data['url'] ) ) {
			$data['url']          = WPMU_PLUGIN_URL . '/sendstores/avatar.svg';
			$data['found_avatar'] = false;
		}
		return $data;
	},
	PHP_INT_MAX
);

// Pictures of emoji, for browsers that know none, lie at WordPress.org.
add_filter( 'emoji_svg_url', '__return_false' );
remove_action( 'wp_head', 'print_emoji_detection_script', 7 );
remove_action( 'embed_head', 'print_emoji_detection_script' );
add_action( 'admin_init', static fn() => remove_action( 'admin_print_scripts', 'print_emoji_detection_script' ) );

// WordPress' pages about itself show pictures that lie there, too: the browser leaves them out.
foreach ( array( 'about', 'contribute', 'credits', 'freedoms', 'privacy' ) as $sendstores_page ) {
	add_action( "load-$sendstores_page.php", static fn() => header( "Content-Security-Policy: default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:" ) );
}
unset( $sendstores_page );

// The merchant's first page has a box with news of WordPress.org. Where the shop may not ask for them, it would show errors.
add_action(
	'wp_dashboard_setup',
	static function () {
		if ( ( new WP_Http() )->block_request( 'https://wordpress.org/news/feed/' ) ) {
			remove_meta_box( 'dashboard_primary', 'dashboard', 'side' );
		}
	}
);

// WooCommerce's page of payments has the script of Stripe loaded, for a provider that is not installed. What loads it leaves a script
// alone that is there already, and the browser does not ask for one of this type.
add_action(
	'admin_print_scripts-woocommerce_page_wc-settings',
	static function () {
		if ( ! class_exists( 'WC_Payments' ) && 'checkout' === ( $_GET['tab'] ?? '' ) ) {
			echo '<script type="text/plain" src="https://connect-js.stripe.com/v1.0/connect.js"></script>', "\n";
		}
	}
);
