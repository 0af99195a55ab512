#!/usr/bin/php
<?php
/**
 * state.php --admin=USER --locale=LOCALE: how far this store is, as one JSON line. It changes nothing and loads no WordPress.
 *
 * Other arguments are ignored; the control plane gives --url=URL, too, which a database that holds one store does not need.
 */

require __DIR__ . '/lib/settings.php';
require __DIR__ . '/lib/database.php';
require __DIR__ . '/lib/state.php';
require __DIR__ . '/lib/snapshot.php';

$given = array(
	'admin'  => '',
	'locale' => '',
);
foreach ( array_slice( $argv, 1 ) as $argument ) {
	if ( preg_match( '/^--(admin|locale)=(.*)$/Ds', $argument, $match ) ) {
		$given[ $match[1] ] = $match[2];
	}
}
$db    = sendstores_connect( 3 );
$state = is_string( $db ) ? $db : sendstores_state( $db, $given['admin'] );
if ( is_array( $state ) ) {
	$state['restorable'] = sendstores_restorable( $state, $given['locale'] );
}
echo json_encode( is_string( $state ) ? array( 'database' => $state ) : $state, JSON_UNESCAPED_SLASHES ), "\n";
