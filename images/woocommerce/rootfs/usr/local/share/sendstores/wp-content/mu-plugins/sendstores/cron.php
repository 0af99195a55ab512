<?php
/**
 * When a run of what is scheduled came to its end, its time is kept, for /cronz.php to show. WordPress' own lock shows that it
 * did: a run that failed leaves it, and another one that is at work holds it.
 */

defined( 'ABSPATH' ) || exit;

add_action(
	'shutdown',
	static function () {
		// Of wp-cron.php, and past whatever is cached.
		if ( function_exists( '_get_cron_lock' ) && (float) _get_cron_lock() + WP_CRON_LOCK_TIMEOUT < microtime( true ) ) {
			update_option( 'sendstores_cron', time(), false );
		}
	}
);
