<?php
/** Loaded by WP-CLI before WordPress, where a program of the image changes a store. */

// Nothing of this needs the network, and the installers would wait 10 s for the store's own address.
WP_CLI::add_wp_hook( 'pre_http_request', static fn() => new WP_Error( 'sendstores_bootstrap', 'no requests during the bootstrap' ) );
// No mail about a shop that is being made or changed.
WP_CLI::add_wp_hook( 'pre_wp_mail', static fn() => true );
