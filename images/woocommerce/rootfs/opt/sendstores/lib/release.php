<?php
/** The releases of WordPress and WooCommerce: those of this image, and those that last wrote the store's database. */

/** The code hash of the image with which the shop of this volume last answered at a start. */
const SENDSTORES_ANSWERED = SENDSTORES_SITE . '/wp-content/.sendstores/answered';

/** Whether this image's code has run this shop before. Code that has may not have written the database, see `current`. */
function sendstores_code_is_known(): bool {
	return sendstores_file( SENDSTORES_ANSWERED ) === sendstores_code_hash();
}

/** A volume that cannot be written to makes each start one of an unknown release, and nothing else. */
function sendstores_note_code(): void {
	$beside = SENDSTORES_ANSWERED . '.' . getmypid();
	if ( false === @file_put_contents( $beside, sendstores_code_hash() . "\n" ) || ! @rename( $beside, SENDSTORES_ANSWERED ) ) {
		@unlink( $beside );
	}
}

/**
 * What the database says of the releases that wrote it, as option => value.
 *
 * @return array|string Or a few words saying why it cannot be read.
 */
function sendstores_written_by( mysqli $db ) {
	$result = $db->query( 'SELECT option_name, option_value FROM ' . SENDSTORES_PREFIX . "options WHERE option_name IN ('db_version', 'woocommerce_version')" );
	return $result ? array_column( $result->fetch_all(), 1, 0 ) : sendstores_database_reason( $db->errno );
}

/** Negative where the image's WordPress is older than the one that wrote the database, 0 where the tables are the same. */
function sendstores_compare_wordpress( array $written ): int {
	require SENDSTORES_SITE . '/wp-includes/version.php';
	return (int) $wp_db_version <=> (int) ( $written['db_version'] ?? 0 );
}

/** The same of WooCommerce; 0 without one. */
function sendstores_compare_woocommerce( array $written ): int {
	$code = sendstores_woocommerce_code();
	return null === $code ? 0 : version_compare( $code, $written['woocommerce_version'] ?? '0' );
}
