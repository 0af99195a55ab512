<?php
/**
 * Plugin Name: SendStores
 * Description: What a store needs to know about the platform it runs on.
 *
 * Part of the store image and replaced with it: changes made here are lost.
 */

defined( 'ABSPATH' ) || exit;

// A container has no mail program. Say so once per message, instead of a shell's complaint about a missing command.
add_filter(
	'pre_wp_mail',
	static function ( $result ) {
		if ( null !== $result ) {
			return $result;
		}
		error_log( 'mail not sent: this store has no mail server' );
		return false;
	},
	99
);

// When a run of what is scheduled came to its end, its time is kept, for /cronz.php to tell. WordPress' own lock shows that it
// did: a run that failed leaves it, and another one that is at work holds it.
add_action(
	'shutdown',
	static function () {
		// Of wp-cron.php, and past whatever is cached.
		if ( function_exists( '_get_cron_lock' ) && (float) _get_cron_lock() + WP_CRON_LOCK_TIMEOUT < microtime( true ) ) {
			update_option( 'sendstores_cron', time(), false );
		}
	}
);
