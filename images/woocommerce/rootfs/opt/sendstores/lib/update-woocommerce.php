<?php
/** WooCommerce's own updates of the database, now and not by its queue. Its installer has run when WordPress loaded it. */

if ( method_exists( 'WC_Install', 'needs_db_update' ) && WC_Install::needs_db_update() ) {
	WP_CLI::runcommand( 'wc update', array( 'launch' => false ) );
}
