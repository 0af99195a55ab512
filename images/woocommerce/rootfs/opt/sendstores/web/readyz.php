<?php
/**
 * Readiness: 200 while PHP reaches the database, from the end of `startup` on; 503 otherwise.
 *
 * It loads no WordPress, so that a store that waits for its installation is ready to be installed.
 */

require '/opt/sendstores/lib/settings.php';
require '/opt/sendstores/lib/database.php';

header( 'Content-Type: text/plain' );
header( 'Cache-Control: no-store' );
$db = sendstores_connect( 2 );
if ( is_string( $db ) ) {
	http_response_code( 503 );
	echo "database: $db\n";
	return;
}
if ( ! is_file( SENDSTORES_STARTED ) ) {
	http_response_code( 503 );
	echo "starting\n";
	return;
}
echo "ok\n";
