#!/usr/bin/php
<?php
/**
 * state.php --url=URL --admin=USER: how far this store is, as one JSON line. It changes nothing and loads no WordPress.
 */

require __DIR__ . '/lib/settings.php';
require __DIR__ . '/lib/database.php';
require __DIR__ . '/lib/state.php';

$admin = '';
foreach ( array_slice( $argv, 1 ) as $argument ) {
	if ( 0 === strncmp( $argument, '--admin=', 8 ) ) {
		$admin = substr( $argument, 8 );
	}
}
$db = sendstores_connect( 3 );
echo json_encode( is_string( $db ) ? array( 'database' => $db ) : sendstores_state( $db, $admin ), JSON_UNESCAPED_SLASHES ), "\n";
