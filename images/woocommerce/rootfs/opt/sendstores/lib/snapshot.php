<?php
/** The snapshot of a fresh store that comes with the image, and whether it is one of the code that this store runs. */

const SENDSTORES_SHARE = '/usr/local/share/sendstores';

/** What a snapshot is made in; other languages name their pages otherwise. */
const SENDSTORES_SNAPSHOT_LOCALE = 'en_US';

/** After so many attempts without an end, a store is installed step by step. */
const SENDSTORES_RESTORE_ATTEMPTS = 3;

/** Whether a restore is what this store should begin with. */
function sendstores_restorable( array $state, string $locale ): bool {
	return ! $state['installed']
		&& ( 0 === $state['tables'] || $state['interrupted'] || $state['restoring'] )
		&& $state['restore_attempts'] < SENDSTORES_RESTORE_ATTEMPTS
		&& SENDSTORES_SNAPSHOT_LOCALE === $locale
		&& sendstores_snapshot_fits();
}

/** WooCommerce installs another shop where the address is https, so there is a snapshot for each scheme. */
function sendstores_snapshot(): string {
	return SENDSTORES_SHARE . '/snapshot/' . strstr( sendstores_setting( 'WP_HOME' ) . ':', ':', true );
}

/** A layer over the image, or content on the volume that is not the image's, makes another store than the snapshot's. */
function sendstores_snapshot_fits(): bool {
	return is_readable( sendstores_snapshot() . '/store.json' )
		&& sendstores_file( sendstores_snapshot() . '/code-hash' ) === sendstores_code_hash()
		&& sendstores_content_is_linked();
}

/** Whether the plugins, themes and must-use plugins that the image ships are what the volume has under their names. */
function sendstores_content_is_linked(): bool {
	foreach ( glob( SENDSTORES_SHARE . '/wp-content/{plugins,themes,mu-plugins}/*', GLOB_BRACE ) as $shipped ) {
		$link = SENDSTORES_SITE . substr( $shipped, strlen( SENDSTORES_SHARE ) );
		if ( ! is_link( $link ) || readlink( $link ) !== $shipped ) {
			return false;
		}
	}
	return true;
}

/**
 * Stands for all that decides what an installation writes: WordPress' release and its tables, everything that is shipped
 * for wp-content, our own programs. Some thirty small files, since this is asked at every look.
 */
function sendstores_code_hash(): string {
	$own   = dirname( __DIR__ );
	$core  = array( 'wp-includes/version.php', 'wp-admin/includes/schema.php', 'wp-admin/includes/upgrade.php' );
	$files = array_merge(
		array( SENDSTORES_SHARE . '/content-hash', SENDSTORES_SITE . '/wp-config.php' ),
		array_map( static fn( $file ) => SENDSTORES_SITE . "/$file", $core ),
		array( "$own/install", "$own/activate", "$own/configure", "$own/restore" ),
		glob( "$own/lib/*.{php,json}", GLOB_BRACE ),
		glob( "$own/configure.d/*.php" )
	);
	$hash  = hash_init( 'sha256' );
	foreach ( $files as $file ) {
		hash_update( $hash, $file . "\0" . sendstores_file( $file ) . "\0" );
	}
	return hash_final( $hash );
}

function sendstores_file( string $path ): string {
	return is_readable( $path ) ? rtrim( file_get_contents( $path ), "\n" ) : '';
}
