<?php
/** A visit to the shop of this container, as a shopper makes it. */

const SENDSTORES_LOCAL     = 'http://127.0.0.1:8080';
const SENDSTORES_REDIRECTS = 5;
/** Seconds for one page; the first ones of a new release compile and fill caches. */
const SENDSTORES_VISIT = 30;

/**
 * What is wrong with the page of products or the Store API, or null. Where the merchant has switched WooCommerce off, the front page
 * is all that there is.
 *
 * It judges the code, not the shop: a list without products, a login that is demanded (401, 403) and a closed shop (503) are the
 * merchant's own.
 */
function sendstores_visit_shop( bool $sells ): ?string {
	list( $status, $body ) = sendstores_get( $sells ? '/?post_type=product' : '/' );
	if ( SENDSTORES_HELD_PAGE === $body ) {
		return 'the shop is held';
	}
	if ( sendstores_is_broken( $status ) ) {
		return ( $sells ? 'the page of products' : 'the front page' ) . " answers $status";
	}
	if ( ! $sells ) {
		return null;
	}
	list( $status, $body ) = sendstores_get( '/?rest_route=/wc/store/v1/products&per_page=1' );
	if ( sendstores_is_broken( $status ) ) {
		return "the Store API answers $status";
	}
	return 200 === $status && ! array_is_list( (array) ( json_decode( $body, true ) ?? array( 'no' => 'list' ) ) )
		? 'the Store API answers without a list of products' : null;
}

function sendstores_is_broken( int $status ): bool {
	return 0 === $status || 404 === $status || ( $status >= 500 && 503 !== $status );
}

/**
 * A page of this container; what it redirects to within the shop is followed.
 *
 * @return array{int, string} Status (0: no answer) and body.
 */
function sendstores_get( string $path ): array {
	$context = stream_context_create(
		array(
			'http' => array(
				'timeout'         => SENDSTORES_VISIT,
				'ignore_errors'   => true,
				'follow_location' => 0,
				'header'          => 'Connection: close',
			),
		)
	);
	for ( $visits = 0; $visits <= SENDSTORES_REDIRECTS; $visits++ ) {
		$body    = @file_get_contents( SENDSTORES_LOCAL . $path, false, $context );
		$headers = $http_response_header ?? array();
		unset( $http_response_header );
		$status = preg_match( '#^HTTP/\S+ (\d{3})#', $headers[0] ?? '', $match ) ? (int) $match[1] : 0;
		$next   = $status >= 300 && $status < 400 ? sendstores_location( $headers ) : null;
		if ( null === $next ) {
			return array( $status, (string) $body );
		}
		$path = $next;
	}
	// A redirect without an end is no answer.
	return array( 0, '' );
}

/** The path that a redirect leads to, or null where that is outside the shop. */
function sendstores_location( array $headers ): ?string {
	foreach ( $headers as $header ) {
		if ( 0 === stripos( $header, 'location:' ) ) {
			$to   = parse_url( trim( substr( $header, 9 ) ) );
			$home = parse_url( sendstores_setting( 'WP_HOME' ), PHP_URL_HOST );
			return is_array( $to ) && ( ! isset( $to['host'] ) || $to['host'] === $home )
				? ( $to['path'] ?? '/' ) . ( isset( $to['query'] ) ? '?' . $to['query'] : '' ) : null;
		}
	}
	return null;
}
