<?php
/**
 * The gate: a request waits in front of WordPress while the shop is held or its database is away, instead of failing.
 *
 * A hold is a file on the volume with the time (Unix seconds) at which it ends by itself, so its maker may die. Nothing of it
 * concerns the probes, which load no WordPress, or commands.
 */

const SENDSTORES_HOLD = SENDSTORES_SITE . '/wp-content/.sendstores/hold';
/** Seconds that one request waits at most: less than proxies do. */
const SENDSTORES_GATE_WAIT = 25;
/** Seconds for which a hold counts at most, whatever it says. */
const SENDSTORES_HOLD_MOST = 120;
/** A request that waited for the database in vain leaves it; for as long as another would wait, none does: each that waits has a worker. */
const SENDSTORES_IN_VAIN = '/tmp/sendstores-database-away';
/** Microseconds. */
const SENDSTORES_GATE_POLL = 50_000;
/** When the last request came; `leave` waits until there is none any more. */
const SENDSTORES_VISITED = '/tmp/sendstores-visited';

function sendstores_pass_gate(): void {
	@touch( SENDSTORES_VISITED );
	$until = microtime( true ) + SENDSTORES_GATE_WAIT;
	while ( sendstores_is_held() ) {
		if ( microtime( true ) > $until ) {
			http_response_code( 503 );
			header( 'Retry-After: 5' );
			header( 'Cache-Control: no-store' );
			exit( SENDSTORES_HELD_PAGE );
		}
		usleep( SENDSTORES_GATE_POLL );
	}
	while ( is_string( sendstores_connect( 2 ) ) ) {
		if ( microtime( true ) > $until ) {
			touch( SENDSTORES_IN_VAIN );
		}
		// WordPress then says it in its own way.
		if ( is_file( SENDSTORES_IN_VAIN ) && filemtime( SENDSTORES_IN_VAIN ) > time() - SENDSTORES_GATE_WAIT ) {
			return;
		}
		usleep( SENDSTORES_GATE_POLL );
		clearstatcache();
	}
}

function sendstores_is_held(): bool {
	clearstatcache( false, SENDSTORES_HOLD );
	if ( ! is_file( SENDSTORES_HOLD ) ) {
		return false;
	}
	$left = (float) @file_get_contents( SENDSTORES_HOLD ) - microtime( true );
	return $left > 0 && $left <= SENDSTORES_HOLD_MOST;
}
