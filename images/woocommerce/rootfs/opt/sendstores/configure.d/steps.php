<?php
/**
 * The steps of `configure`, which run inside WordPress, in order.
 *
 * What each step was given is remembered in the database once it is done, and a step runs only when its version or that
 * part of the request is new. So a newer bootstrap or a changed setting touches what it is about and nothing else: the
 * merchant may have changed the rest meanwhile. Within a step, everything is looked up before it is written, since
 * the process may have been killed half-way through it before.
 */

foreach ( array( 'validate', 'opening', 'settings', 'payments', 'shipping', 'taxes', 'catalogue' ) as $file ) {
	require __DIR__ . "/$file.php";
}

/** Name => version, the fields of the request that matter, the function. */
const SENDSTORES_STEPS = array(
	'opening'   => array( 1, array(), 'sendstores_open_shop' ),
	'settings'  => array( 1, array( 'title', 'country', 'currency', 'timezone', 'weight_unit', 'dimension_unit' ), 'sendstores_apply_settings' ),
	'payments'  => array( 1, array( 'payment_methods' ), 'sendstores_enable_payments' ),
	'shipping'  => array( 1, array( 'flat_rate' ), 'sendstores_ensure_flat_rate' ),
	'taxes'     => array( 1, array( 'taxes', 'tax_rate', 'country' ), 'sendstores_apply_taxes' ),
	// A step of its own: a field more would make the one above new in each older store.
	'prices'    => array( 1, array( 'prices_include_tax' ), 'sendstores_apply_tax_of_prices' ),
	'catalogue' => array( 1, array( 'sample_catalogue' ), 'sendstores_ensure_catalogue' ),
);

/** update_option() for values that WordPress would store in another form than it was given is up to the caller. */
function sendstores_set_options( array $options ): void {
	foreach ( $options as $name => $value ) {
		if ( get_option( $name, null ) !== $value ) {
			update_option( $name, $value );
		}
	}
}

function sendstores_step_digest( array $step, array $request ): string {
	list( $version, $fields ) = $step;
	$input                    = array_map( static fn( $field ) => $request[ $field ] ?? null, $fields );
	return substr( hash( 'sha256', json_encode( array( $version, $input ) ) ), 0, 16 );
}

function sendstores_run_steps( array $request, array $steps = SENDSTORES_STEPS ): array {
	$done    = get_option( 'sendstores_steps', array() );
	$changed = array();
	foreach ( $steps as $name => $step ) {
		$digest = sendstores_step_digest( $step, $request );
		if ( ( $done[ $name ] ?? '' ) === $digest ) {
			continue;
		}
		$step[2]( $request );
		$done[ $name ] = $digest;
		update_option( 'sendstores_steps', $done, false );
		$changed[] = $name;
	}
	return $changed;
}

/** What the sample catalogue and the pages are written as; a renamed administrator is no reason to fail. */
function sendstores_become_administrator( string $login ): void {
	$user = get_user_by( 'login', $login );
	$user = $user ? $user : ( get_users( array( 'role' => 'administrator', 'number' => 1, 'orderby' => 'ID' ) )[0] ?? null );
	if ( $user ) {
		wp_set_current_user( $user->ID );
	}
}

/** Everything but the end: the steps whose input is new. */
function sendstores_apply( array $request ): array {
	sendstores_validate( $request );
	sendstores_become_administrator( $request['admin_user'] );
	$changed = sendstores_run_steps( $request );
	// One pass of the queue, so that the first visitor does not meet the jobs of the installation.
	ActionScheduler_QueueRunner::instance()->run( 'WP CLI' );
	// The rules are rebuilt by the next request, with every post type known.
	delete_option( 'rewrite_rules' );
	return $changed;
}

/** The end of it all. What a restore noted of itself goes first: after the marker nothing may be called unfinished. */
function sendstores_finish( string $marker ): void {
	global $wpdb;
	$wpdb->query( 'DROP TABLE IF EXISTS ' . SENDSTORES_RESTORE_TABLE );
	update_option( SENDSTORES_COMPLETED, (string) SENDSTORES_BOOTSTRAP_VERSION, false );
	update_option( 'sendstores_bootstrap', $marker, false );
}
