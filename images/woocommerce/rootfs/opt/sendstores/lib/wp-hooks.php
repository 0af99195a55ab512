<?php
/** Loaded by WP-CLI before WordPress in each bootstrap step. */

require __DIR__ . '/offline.php';

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
