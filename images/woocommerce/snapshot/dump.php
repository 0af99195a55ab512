<?php
/** dump.php OUT: the database as OUT/store.json, and the hash of the code that made it as OUT/code-hash. */

foreach ( array( 'settings', 'database', 'snapshot' ) as $part ) {
	require "/opt/sendstores/lib/$part.php";
}

/** Caches, locks, sessions and end marks are not part of a store; the password is of no account. */
function sendstores_dumped( string $table, array $rows ): array {
	if ( SENDSTORES_PREFIX . 'woocommerce_sessions' === $table ) {
		return array();
	}
	if ( SENDSTORES_PREFIX . 'options' === $table ) {
		$passing = '/^(_site)?_transient_|^(rewrite_rules|wc_installing|sendstores_installed|sendstores_activated)$|_lock_/';
		return array_values( array_filter( $rows, static fn( $row ) => ! preg_match( $passing, $row[1] ) ) );
	}
	if ( SENDSTORES_PREFIX . 'users' === $table ) {
		foreach ( $rows as &$row ) {
			$row[2] = '';
		}
	}
	return $rows;
}

/** Rows of a table that is filled go on after their numbers; an empty one begins anew. */
function sendstores_definition( mysqli $db, string $table, array $rows ): string {
	$definition = $db->query( "SHOW CREATE TABLE `$table`" )->fetch_row()[1];
	return $rows ? $definition : preg_replace( '/ AUTO_INCREMENT=\d+/', '', $definition );
}

$db       = sendstores_connect( 5 );
$snapshot = array(
	// Behind all that was written, so that no store has a time that is still to come.
	'made'   => time(),
	'tables' => array(),
);
foreach ( $db->query( 'SHOW TABLES' )->fetch_all() as list( $table ) ) {
	$rows = sendstores_dumped( $table, $db->query( "SELECT * FROM `$table` ORDER BY 1, 2" )->fetch_all() );
	$snapshot['tables'][ $table ] = array(
		'create' => sendstores_definition( $db, $table, $rows ),
		'rows'   => $rows,
	);
}
file_put_contents( "$argv[1]/store.json", json_encode( $snapshot, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE ) );
file_put_contents( "$argv[1]/code-hash", sendstores_code_hash() . "\n" );
