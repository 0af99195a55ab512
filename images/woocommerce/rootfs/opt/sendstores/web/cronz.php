<?php
/**
 * When a run of what the store has scheduled last came to its end: {"age":SECONDS}, {"age":null} for never; 503 without a database.
 *
 * The must-use plugin keeps the time. It loads no WordPress, so that asking costs next to nothing.
 */

require '/opt/sendstores/lib/settings.php';
require '/opt/sendstores/lib/database.php';

header( 'Cache-Control: no-store' );
$db = sendstores_connect( 2 );
if ( is_string( $db ) ) {
	http_response_code( 503 );
	header( 'Content-Type: text/plain' );
	echo "database: $db\n";
	return;
}
// Without its table, WordPress is not installed, and nothing ever ran.
$result = $db->query( 'SELECT option_value FROM ' . SENDSTORES_PREFIX . "options WHERE option_name = 'sendstores_cron'" );
$row    = $result ? $result->fetch_row() : null;
header( 'Content-Type: application/json' );
echo json_encode( array( 'age' => $row ? max( 0, time() - (int) $row[0] ) : null ) ), "\n";
