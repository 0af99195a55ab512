<?php
/**
 * compare.php keep FILE: the whole database, as rows that are equal in two stores that are.
 * compare.php FILE FILE: one line about the first difference between two of those, or nothing.
 *
 * What must differ is replaced by a rule, as in images/testing/tables.py, which the tests have of their own.
 */

foreach ( array( 'settings', 'database', 'state' ) as $part ) {
	require "/opt/sendstores/lib/$part.php";
}

const SENDSTORES_CACHE = '/^_(site_)?transient_|^rewrite_rules$|^action_scheduler_lock_/';
const SENDSTORES_TIME  = '/(?<!\d)(1[789]\d{8}|20\d\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?!\d)/';

/** @return array Table => its definition and its rows, each with its columns' names. */
function sendstores_whole_database( mysqli $db ): array {
	$dice  = json_decode( file_get_contents( '/opt/sendstores/lib/options.json' ), true, 8, JSON_THROW_ON_ERROR )['dice'];
	$whole = array();
	foreach ( $db->query( 'SHOW TABLES' )->fetch_all() as list( $table ) ) {
		$rows = array( preg_replace( '/ AUTO_INCREMENT=\d+/', '', $db->query( "SHOW CREATE TABLE `$table`" )->fetch_row()[1] ) );
		foreach ( $db->query( "SELECT * FROM `$table`" )->fetch_all( MYSQLI_ASSOC ) as $row ) {
			$rows[] = sendstores_equal_row( substr( $table, strlen( SENDSTORES_PREFIX ) ), $row, $dice );
		}
		$rows = array_values( array_filter( $rows ) );
		sort( $rows );
		$whole[ $table ] = $rows;
	}
	return $whole;
}

/** The row as one text, or an empty one for a cache, which is made again where it is missed. */
function sendstores_equal_row( string $table, array $row, array $dice ): string {
	switch ( $table ) {
		case 'woocommerce_sessions':
			return '';
		case 'options':
			if ( preg_match( SENDSTORES_CACHE, $row['option_name'] ) ) {
				return '';
			}
			// No other row refers to it, and each write of a cache uses one up.
			unset( $row['option_id'] );
			$row['option_value'] = sendstores_equal_option( $row['option_name'], $row['option_value'], $dice );
			break;
		case 'actionscheduler_actions':
			// The pass in which the queue took the job.
			unset( $row['claim_id'] );
			break;
		case 'users':
			unset( $row['user_pass'] );
	}
	$row = array_map( static fn( $cell ) => null === $cell ? null : preg_replace( SENDSTORES_TIME, 'TIME', $cell ), $row );
	return json_encode( $row, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE );
}

function sendstores_equal_option( string $name, string $value, array $dice ): string {
	if ( isset( $dice[ $name ] ) ) {
		return preg_replace( "/{$dice[ $name ]['form']}/", 'DICE', $value );
	}
	if ( 'cron' !== $name ) {
		return $value;
	}
	// Which events share a second is chance.
	$events = array();
	foreach ( array_diff_key( unserialize( $value, array( 'allowed_classes' => false ) ), array( 'version' => true ) ) as $hooks ) {
		foreach ( $hooks as $hook => $event ) {
			$events[] = $hook . json_encode( array_values( $event ) );
		}
	}
	sort( $events );
	return implode( "\n", $events );
}

/** Where two databases differ first, in one line; an empty text where they do not. */
function sendstores_difference( array $one, array $other ): string {
	foreach ( array_keys( $one + $other ) as $table ) {
		$only = array_diff( $one[ $table ] ?? array( 'no table' ), $other[ $table ] ?? array( 'no table' ) );
		$more = array_diff( $other[ $table ] ?? array( 'no table' ), $one[ $table ] ?? array( 'no table' ) );
		if ( $only || $more || count( $one[ $table ] ) !== count( $other[ $table ] ) ) {
			return "$table: installed " . mb_strimwidth( reset( $only ) ?: 'nothing', 0, 400, '…' )
				. ', restored ' . mb_strimwidth( reset( $more ) ?: 'nothing', 0, 400, '…' );
		}
	}
	return '';
}

if ( 'keep' === $argv[1] ) {
	file_put_contents( $argv[2], json_encode( sendstores_whole_database( sendstores_connect( 5 ) ), JSON_THROW_ON_ERROR ) );
} else {
	list( $one, $other ) = array_map( static fn( $file ) => json_decode( file_get_contents( $file ), true ), array_slice( $argv, 1, 2 ) );
	$difference          = sendstores_difference( $one, $other );
	echo '' === $difference ? '' : strtr( $difference, "\r\n", '  ' ) . "\n";
}
