<?php
/** A plain connection to the store's database, for what must work without WordPress. */

/**
 * Connects; returns the connection, or a few words saying why not.
 *
 * @return mysqli|string
 */
function sendstores_connect( int $timeout ) {
	$password = sendstores_secret( 'db-password' );
	if ( null === $password ) {
		return 'no password file';
	}
	mysqli_report( MYSQLI_REPORT_OFF );
	$db = mysqli_init();
	$db->options( MYSQLI_OPT_CONNECT_TIMEOUT, $timeout );
	$connected = @$db->real_connect(
		sendstores_setting( 'WORDPRESS_DB_HOST', 'mysql' ),
		sendstores_setting( 'WORDPRESS_DB_USER', 'wordpress' ),
		$password,
		sendstores_setting( 'WORDPRESS_DB_NAME', 'wordpress' )
	);
	if ( $connected && $db->set_charset( 'utf8mb4' ) ) {
		return $db;
	}
	return sendstores_database_reason( $db->connect_errno );
}

/** An error number in words; the server's own has host names and user names. */
function sendstores_database_reason( int $errno ): string {
	$reasons = array(
		1044 => 'access to the database denied',
		1045 => 'user or password refused',
		1049 => 'database does not exist',
		1040 => 'too many connections',
		1142 => 'access to a table denied',
		1030 => 'a table cannot be read',
		1932 => 'the file of a table is missing',
		2002 => 'not reachable',
		2003 => 'not reachable',
		2005 => 'host name unknown',
		2006 => 'connection lost',
		2013 => 'connection lost',
	);
	return $reasons[ $errno ] ?? "error $errno";
}
