<?php
/** What `install` and `restore` have in common: both are the first to write into a store's database. */

function sendstores_check_install( array $request ): void {
	$home = rtrim( sendstores_setting( 'WP_HOME' ), '/' );
	if ( '' !== $home && rtrim( $request['url'], '/' ) !== $home ) {
		sendstores_fail( 'BAD_REQUEST', "url differs from the container's WP_HOME, $home" );
	}
	// What WordPress would silently strip from a login would leave a store whose administrator is never found.
	if ( ! preg_match( '/^[A-Za-z0-9][A-Za-z0-9 _.@-]{0,58}[A-Za-z0-9]$|^[A-Za-z0-9]$/', $request['admin_user'] ) ) {
		sendstores_fail( 'BAD_REQUEST', 'admin_user may hold up to 60 letters, digits, spaces and _ . @ -' );
	}
	// The login form changes quotes and backslashes, so such a password would be set and never work.
	if ( '' === $request['admin_password'] || preg_match( '/[\'"\\\\[:cntrl:]]/', $request['admin_password'] ) ) {
		sendstores_fail( 'BAD_REQUEST', 'admin_password must not be empty or hold quotes, backslashes or control characters' );
	}
	$locale = $request['locale'] ?? 'en_US';
	if ( 'en_US' !== $locale && ! ( preg_match( '/^[A-Za-z_]+$/', $locale )
		&& glob( SENDSTORES_SITE . "/wp-content/languages/$locale.{l10n.php,mo}", GLOB_BRACE ) ) ) {
		sendstores_fail( 'LOCALE_MISSING', "the image has no language pack for $locale" );
	}
}

/** Empties a database in which an installation or a restore was interrupted, and no other. */
function sendstores_drop_remains( mysqli $db, array $state, string $admin ): void {
	if ( 0 === $state['tables'] ) {
		return;
	}
	if ( $state['installed'] ) {
		sendstores_fail( 'NOT_EMPTY', "WordPress is installed, but $admin is no administrator of it: it is left as it is" );
	}
	if ( ! $state['interrupted'] && ! $state['restoring'] ) {
		sendstores_fail( 'NOT_EMPTY', 'the database holds more than an interrupted installation leaves: it is left as it is' );
	}
	// A restore's own table stays: it says how often that was tried, and that whatever else is here may be dropped.
	$tables = $state['restoring'] ? sendstores_tables( $db ) : SENDSTORES_CORE_TABLES;
	if ( ! $db->query( 'DROP TABLE IF EXISTS ' . implode( ', ', $tables ) ) ) {
		sendstores_fail( 'DATABASE_ERROR', "what an interruption left cannot be removed: $db->error" );
	}
}

/** All tables of the store but the one that a restore keeps for itself. */
function sendstores_tables( mysqli $db ): array {
	$rows = $db->query( "SHOW TABLES LIKE '" . addcslashes( SENDSTORES_PREFIX, '_%' ) . "%'" );
	if ( ! $rows ) {
		sendstores_fail( 'DATABASE_UNAVAILABLE', "the store's database: " . sendstores_database_reason( $db->errno ) );
	}
	return array_diff( array_column( $rows->fetch_all(), 0 ), array( SENDSTORES_RESTORE_TABLE ) );
}
