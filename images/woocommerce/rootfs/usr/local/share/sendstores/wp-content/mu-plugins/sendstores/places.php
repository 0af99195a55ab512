<?php
/** Pages of the admin that cannot do their work on this platform say who can. */

defined( 'ABSPATH' ) || exit;

const SENDSTORES_ASK = 'Plugins, themes and updates of this shop are installed by the operator of the platform that it runs on. Ask them for what you need.';

/** What wp-admin calls these pages. */
const SENDSTORES_PLACES = array( 'plugin-install.php', 'theme-install.php', 'plugin-editor.php', 'theme-editor.php', 'update-core.php', 'update.php' );

/** A page of its own, in place of an error without a reason (WordPress answers some of these with 500). */
function sendstores_say_who(): void {
	if ( in_array( $GLOBALS['pagenow'] ?? '', SENDSTORES_PLACES, true ) ) {
		wp_die(
			esc_html( SENDSTORES_ASK ),
			'Ask the operator of the platform',
			array(
				'response'  => 403,
				'back_link' => true,
			)
		);
	}
}

if ( DISALLOW_FILE_MODS ) {
	// The first where the menu has no such page, the others where the page itself would refuse.
	add_action( 'admin_page_access_denied', 'sendstores_say_who' );
	foreach ( SENDSTORES_PLACES as $sendstores_place ) {
		add_action( "load-$sendstores_place", 'sendstores_say_who' );
	}
	unset( $sendstores_place );

	add_action(
		'admin_notices',
		static function () {
			if ( in_array( get_current_screen()->id ?? '', array( 'plugins', 'themes' ), true ) ) {
				echo '<div class="notice notice-info"><p>' . esc_html( SENDSTORES_ASK ) . '</p></div>';
			}
		}
	);
}

// Pages of WooCommerce ask which plugins it recommends. Who may not install any is refused, and the browser shows it as an error.
add_filter(
	'rest_pre_dispatch',
	static function ( $answer, $server, $request ) {
		$recommendations = '/wc-admin/marketing/misc-recommendations' === $request->get_route();
		if ( null === $answer && $recommendations && current_user_can( 'manage_woocommerce' ) && ! current_user_can( 'install_plugins' ) ) {
			return new WP_REST_Response( array() );
		}
		return $answer;
	},
	10,
	3
);
