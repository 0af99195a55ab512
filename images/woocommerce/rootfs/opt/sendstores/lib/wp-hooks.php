<?php
/** Loaded by WP-CLI before WordPress in each bootstrap step. */

// Nothing a bootstrap does needs the network, and the installer would wait 10 s for the store's own address.
WP_CLI::add_wp_hook( 'pre_http_request', static fn() => new WP_Error( 'sendstores_bootstrap', 'no requests during the bootstrap' ) );
// No mail about a shop that is being made.
WP_CLI::add_wp_hook( 'pre_wp_mail', static fn() => true );

// Set by the installer's last action: permalinks that are changed and flushed in one process give an incomplete rule set.
WP_CLI::add_wp_hook( 'wp_install', static fn() => update_option( 'permalink_structure', '/%postname%/' ) );

WP_CLI::add_hook(
	'after_invoke:' . $GLOBALS['sendstores_wp_cli']['command'],
	static function (): void {
		$GLOBALS['sendstores_wp_cli']['completed'] = true;
	}
);

// The answer carries WP-CLI's own words; they still go to stderr as well.
WP_CLI::set_logger(
	new class( false ) extends WP_CLI\Loggers\Quiet {
		public function error( $message ) {
			$GLOBALS['sendstores_wp_cli']['error'] = strtok( (string) $message, "\n" );
			parent::error( $message );
		}
	}
);
