<?php
/**
 * Where a store's settings come from: the environment, and for secrets the mounted files of its Secret.
 *
 * Used by wp-config.php, by the probes and by the bootstrap, so that all of them always see the same store.
 */

/** Raised whenever a bootstrap step is added or changed in a way that an older store should get, too. */
const SENDSTORES_BOOTSTRAP_VERSION = 1;

const SENDSTORES_SECRETS = '/run/secrets/store';
const SENDSTORES_SITE    = '/srv/wordpress';
const SENDSTORES_PREFIX  = 'wp_';
const SENDSTORES_PLUGIN  = 'woocommerce/woocommerce.php';

/** There once `startup` has ended; /readyz.php asks for it. */
const SENDSTORES_STARTED = '/tmp/sendstores-started';

/** What a request gets that waited at the gate as long as it may. */
const SENDSTORES_HELD_PAGE = "The shop is back in a moment.\n";

/** The setting with this name, or the given default when it is unset or empty. */
function sendstores_setting( string $name, string $default = '' ): string {
	$value = getenv( $name );
	return false === $value || '' === $value ? $default : $value;
}

/** The secret with this key, or null when the store's Secret is not mounted or lacks it. */
function sendstores_secret( string $key ): ?string {
	$file = SENDSTORES_SECRETS . '/' . $key;
	if ( ! is_readable( $file ) ) {
		return null;
	}
	return rtrim( file_get_contents( $file ), "\r\n" );
}
