<?php
/** empty.php: an empty database, for the next store. */

require '/opt/sendstores/lib/settings.php';
require '/opt/sendstores/lib/database.php';

$db = sendstores_connect( 5 );
foreach ( array( 'DROP DATABASE wordpress', 'CREATE DATABASE wordpress CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci' ) as $statement ) {
	if ( ! $db->query( $statement ) ) {
		exit( 1 );
	}
}
