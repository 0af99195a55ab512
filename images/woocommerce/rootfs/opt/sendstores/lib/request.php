<?php
/** One JSON line in on stdin, one JSON line out on stdout: the form in which the control plane speaks to a store. */

/** Exit codes: 0 done, 1 failed, 65 the request is wrong, 75 try again later. */
const SENDSTORES_EXIT = array(
	'BAD_REQUEST'          => 65,
	'BUSY'                 => 75,
	'DATABASE_UNAVAILABLE' => 75,
);

/** What `install` and `configure` ask for; `restore`, which stands for both, asks for all of it. */
const SENDSTORES_INSTALL_FIELDS   = array(
	'url'            => 'string',
	'title'          => 'string',
	'admin_user'     => 'string',
	'admin_email'    => 'string',
	'admin_password' => 'string',
	'locale'         => '?string',
);
const SENDSTORES_CONFIGURE_FIELDS = array(
	'marker'             => 'string',
	'admin_user'         => 'string',
	'title'              => 'string',
	'country'            => 'string',
	'currency'           => 'string',
	'timezone'           => 'string',
	'taxes'              => 'boolean',
	'weight_unit'        => 'string',
	'dimension_unit'     => 'string',
	'payment_methods'    => 'array',
	'flat_rate'          => '?string',
	'tax_rate'           => '?string',
	'sample_catalogue'   => '?boolean',
	'prices_include_tax' => '?boolean',
);

/**
 * Reads the request. Reading stops at the end of the line, since the other end may keep the stream open.
 *
 * @param array<string,string> $fields name => type, as gettype() names it; a leading `?` marks what may be left out.
 */
function sendstores_request( array $fields ): array {
	$request = json_decode( (string) fgets( STDIN ), true );
	if ( ! is_array( $request ) ) {
		sendstores_fail( 'BAD_REQUEST', 'one line with a JSON object is expected on stdin' );
	}
	foreach ( $fields as $name => $type ) {
		$optional = '?' === $type[0];
		if ( $optional && ! isset( $request[ $name ] ) ) {
			continue;
		}
		if ( gettype( $request[ $name ] ?? null ) !== ltrim( $type, '?' ) ) {
			sendstores_fail( 'BAD_REQUEST', "$name must be given as " . ltrim( $type, '?' ) );
		}
	}
	return $request;
}

/** Prints the answer as the last line and ends. */
function sendstores_answer( array $answer, int $code ): void {
	fwrite( STDOUT, "\n" . json_encode( $answer, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE ) . "\n" );
	exit( $code );
}

function sendstores_done( array $facts ): void {
	sendstores_answer( array( 'ok' => true ) + $facts, 0 );
}

/** A reason is for programs and never changes; the detail is for people. */
function sendstores_fail( string $reason, string $detail ): void {
	sendstores_answer(
		array(
			'ok'     => false,
			'reason' => $reason,
			'detail' => mb_strimwidth( $detail, 0, 500, '…' ),
		),
		SENDSTORES_EXIT[ $reason ] ?? 1
	);
}

/** The store's database, with the lock that keeps a second bootstrap out for as long as this process lives. */
function sendstores_locked_database(): mysqli {
	$db = sendstores_connect( 5 );
	if ( is_string( $db ) ) {
		sendstores_fail( 'DATABASE_UNAVAILABLE', "the store's database: $db" );
	}
	// A predecessor that was killed may still be rolling back; one that lives is left alone.
	$result = $db->query( "SELECT GET_LOCK('sendstores_bootstrap', 10)" );
	if ( ! $result ) {
		sendstores_fail( 'DATABASE_UNAVAILABLE', "the store's database: " . sendstores_database_reason( $db->errno ) );
	}
	if ( '1' !== (string) $result->fetch_row()[0] ) {
		sendstores_fail( 'BUSY', 'another bootstrap of this store is running' );
	}
	return $db;
}

/** How far the store is; where the database does not answer, the program ends here. */
function sendstores_known_state( mysqli $db, string $admin ): array {
	$state = sendstores_state( $db, $admin );
	if ( is_string( $state ) ) {
		sendstores_fail( 'DATABASE_UNAVAILABLE', "the store's database: $state" );
	}
	return $state;
}
