#!/usr/bin/php
<?php
/**
 * state.php --admin=USER: how far this store is, as one JSON line. It changes nothing and loads no WordPress.
 *
 * Other arguments are ignored; the control plane gives --url=URL, too, which a database that holds one store does not need.
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
$db    = sendstores_connect( 3 );
$state = is_string( $db ) ? $db : sendstores_state( $db, $admin );
echo json_encode( is_string( $state ) ? array( 'database' => $state ) : $state, JSON_UNESCAPED_SLASHES ), "\n";
