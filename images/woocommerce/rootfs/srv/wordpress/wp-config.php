<?php
/**
 * WordPress configuration of a store. It holds no value of its own: everything comes from the container's
 * environment and from the mounted Secret, so the same image serves every store.
 */

require_once '/opt/sendstores/lib/settings.php';

( static function (): void {
	$salts   = array( 'auth-key', 'secure-auth-key', 'logged-in-key', 'nonce-key', 'auth-salt', 'secure-auth-salt', 'logged-in-salt', 'nonce-salt' );
	$secrets = array( 'DB_PASSWORD' => sendstores_secret( 'db-password' ) );
	foreach ( $salts as $key ) {
		$secrets[ strtoupper( strtr( $key, '-', '_' ) ) ] = sendstores_secret( $key );
	}
	foreach ( $secrets as $constant => $value ) {
		if ( null === $value ) {
			// A generated fallback would log everybody out at each restart, so a store without its Secret does not run.
			error_log( "wp-config: $constant is missing: mount the store's Secret at " . SENDSTORES_SECRETS );
			http_response_code( 500 );
			exit( 1 );
		}
		define( $constant, $value );
	}
} )();

// Commands are for the control plane, which waits by itself.
if ( PHP_SAPI !== 'cli' ) {
	require_once '/opt/sendstores/lib/database.php';
	require_once '/opt/sendstores/lib/gate.php';
	sendstores_pass_gate();
}

define( 'DB_NAME', sendstores_setting( 'WORDPRESS_DB_NAME', 'wordpress' ) );
define( 'DB_USER', sendstores_setting( 'WORDPRESS_DB_USER', 'wordpress' ) );
define( 'DB_HOST', sendstores_setting( 'WORDPRESS_DB_HOST', 'mysql' ) );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
$table_prefix = SENDSTORES_PREFIX;

// A store has one name. Whatever Host a request came with (ingress, service proxy, probe), WordPress sees that name,
// and so answers with a page instead of a redirect.
( static function (): void {
	$home = rtrim( sendstores_setting( 'WP_HOME' ), '/' );
	if ( '' === $home ) {
		return;
	}
	define( 'WP_HOME', $home );
	define( 'WP_SITEURL', $home );
	$parts  = parse_url( $home );
	$secure = 'https' === ( $parts['scheme'] ?? '' );
	$host   = $parts['host'] ?? 'localhost';

	$_SERVER['HTTP_HOST']   = $host . ( isset( $parts['port'] ) ? ':' . $parts['port'] : '' );
	$_SERVER['SERVER_NAME'] = $host;
	$_SERVER['SERVER_PORT'] = (string) ( $parts['port'] ?? ( $secure ? 443 : 80 ) );
	unset( $_SERVER['HTTPS'] );
	if ( $secure ) {
		$_SERVER['HTTPS'] = 'on';
		define( 'FORCE_SSL_ADMIN', true );
	}
} )();

// Code comes with the image, never from inside the store.
define( 'DISALLOW_FILE_EDIT', true );
define( 'DISALLOW_FILE_MODS', 'true' !== sendstores_setting( 'WORDPRESS_ALLOW_FILE_MODS' ) );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'WP_AUTO_UPDATE_CORE', false );
define( 'FS_METHOD', 'direct' );
define( 'WP_TEMP_DIR', '/tmp' );

// The platform drives cron over HTTP; a visitor never waits for it.
define( 'DISABLE_WP_CRON', true );

// The network policy lets a store reach almost nothing; failing at once beats waiting for time-outs.
define( 'WP_HTTP_BLOCK_EXTERNAL', true );
define( 'WP_ACCESSIBLE_HOSTS', sendstores_setting( 'WORDPRESS_ACCESSIBLE_HOSTS' ) );

define( 'WP_MEMORY_LIMIT', '256M' );
define( 'WP_ENVIRONMENT_TYPE', sendstores_setting( 'WORDPRESS_ENVIRONMENT_TYPE', 'production' ) );
define( 'WP_DEBUG', false );

if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
