<?php
/** What `restore` runs inside WordPress, once the snapshot is in the database. */

require __DIR__ . '/steps.php';
require __DIR__ . '/titles.php';

/** The administrator, as `wp core install` would have made them; the login is in the rows already. */
function sendstores_own( array $request ): void {
	global $wpdb;
	if ( ! is_email( $request['admin_email'] ) ) {
		throw new Sendstores_Failure( 'INVALID_SETTING', 'admin_email is not accepted by this WordPress' );
	}
	$user = get_user_by( 'login', $request['admin_user'] );
	if ( ! $user ) {
		throw new Sendstores_Failure( 'INCOMPLETE', 'the snapshot has no administrator' );
	}
	$wpdb->update(
		$wpdb->users,
		array(
			'user_pass'     => wp_hash_password( $request['admin_password'] ),
			'user_nicename' => sanitize_title( mb_substr( $request['admin_user'], 0, 50 ) ),
		),
		array( 'ID' => $user->ID )
	);
	clean_user_cache( $user );
}

/** The end marks of the first two programs, which this stands for, if the database shows what they would have made. */
function sendstores_mark_restored( mysqli $db, array $request ): void {
	// At once: where only the first of them is, WooCommerce would be activated again, and another store would come out.
	sendstores_mark( $db, 'install', 'activate' );
	$state = sendstores_known_state( $db, $request['admin_user'] );
	if ( ! $state['installed'] || ! $state['admin'] || ! sendstores_activated( $state ) ) {
		sendstores_unmark( $db, 'activate' );
		sendstores_unmark( $db, 'install' );
		throw new Sendstores_Failure( 'INCOMPLETE', 'the snapshot is loaded, but its administrator, its version or its end is missing' );
	}
}

try {
	$request = $GLOBALS['sendstores_request'];
	sendstores_own( $request );
	sendstores_retitle( $request['title'] );
	$changed = sendstores_apply( $request );
	sendstores_mark_restored( $GLOBALS['sendstores_db'], $request );
	sendstores_finish( $request['marker'] );
	$GLOBALS['sendstores_result'] = array( 'changed' => $changed );
} catch ( Sendstores_Failure $failure ) {
	$GLOBALS['sendstores_result'] = array(
		'reason' => $failure->reason,
		'detail' => $failure->getMessage(),
	);
}
