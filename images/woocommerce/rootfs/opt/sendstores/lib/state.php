<?php
/**
 * How far a store is, read from its database alone: exit codes of the installers lie, what they left does not.
 *
 * A step counts as done only when its own end mark is there as well, since both installers write the rows that are
 * commonly asked for (site URL, version) some time before they have finished.
 */

const SENDSTORES_MARKS = array(
	'install'   => 'sendstores_installed',
	'activate'  => 'sendstores_activated',
	'configure' => 'sendstores_bootstrap',
);

/** Which version of the bootstrap set the last mark. Stores that are older than this note were made by the first. */
const SENDSTORES_COMPLETED = 'sendstores_bootstrap_version';

/** All that `wp core install` creates. Any other table is the work of a visitor who found a finished WordPress. */
const SENDSTORES_CORE_TABLES = array(
	SENDSTORES_PREFIX . 'commentmeta',
	SENDSTORES_PREFIX . 'comments',
	SENDSTORES_PREFIX . 'links',
	SENDSTORES_PREFIX . 'options',
	SENDSTORES_PREFIX . 'postmeta',
	SENDSTORES_PREFIX . 'posts',
	SENDSTORES_PREFIX . 'term_relationships',
	SENDSTORES_PREFIX . 'term_taxonomy',
	SENDSTORES_PREFIX . 'termmeta',
	SENDSTORES_PREFIX . 'terms',
	SENDSTORES_PREFIX . 'usermeta',
	SENDSTORES_PREFIX . 'users',
);

/** There while a restore is under way; its comment counts the attempts. */
const SENDSTORES_RESTORE_TABLE = SENDSTORES_PREFIX . 'sendstores_restore';

/**
 * One question to the database, one answer: an array as printed by state.php, or a few words saying why there is none.
 *
 * @return array|string
 */
function sendstores_state( mysqli $db, string $admin ) {
	$results = sendstores_state_rows( $db, $admin );
	if ( is_string( $results ) ) {
		return $results;
	}
	$options = array_column( $results[1] ?? array(), 'option_value', 'option_name' );
	$tables  = (int) $results[0][0]['n'];
	$tried   = $results[0][0]['tried'];
	$marked  = array() !== array_intersect( SENDSTORES_MARKS, array_keys( $options ) );

	$marker    = $options['sendstores_bootstrap'] ?? null;
	$active    = is_array( $plugins = @unserialize( $options['active_plugins'] ?? '', array( 'allowed_classes' => false ) ) )
		&& in_array( SENDSTORES_PLUGIN, $plugins, true );
	$activated = $active && ( null !== $marker || isset( $options['sendstores_activated'] ) );

	return array(
		'database'               => 'ok',
		'installed'              => isset( $options['siteurl'] ) && ( null !== $marker || isset( $options['sendstores_installed'] ) ),
		'tables'                 => $tables,
		'interrupted'            => $tables > 0 && 0 === (int) $results[0][0]['others'] && ! $marked,
		'restoring'              => null !== $tried && ! $marked,
		'restore_attempts'       => (int) $tried,
		'admin'                  => (bool) ( $results[2][0]['n'] ?? 0 ),
		'active'                 => $active,
		'woocommerce_code'       => sendstores_woocommerce_code(),
		'woocommerce_version'    => $activated ? ( $options['woocommerce_version'] ?? null ) : null,
		'woocommerce_db_version' => $activated ? ( $options['woocommerce_db_version'] ?? null ) : null,
		'wc_installing'          => isset( $options['wc_installing'] ),
		'marker'                 => $marker,
		'bootstrap_version'      => SENDSTORES_BOOTSTRAP_VERSION,
		'completed_version'      => null === $marker ? null : (int) ( $options[ SENDSTORES_COMPLETED ] ?? 1 ),
	);
}

/**
 * All statements travel as one packet; on an empty database the first of them still answers.
 *
 * @return array|string The rows of each statement, or a few words saying why they cannot be read.
 */
function sendstores_state_rows( mysqli $db, string $admin ) {
	$prefix = SENDSTORES_PREFIX;
	$core   = "'" . implode( "', '", SENDSTORES_CORE_TABLES ) . "'";
	$login  = $db->real_escape_string( $admin );
	$own    = SENDSTORES_RESTORE_TABLE;
	$sql    = "SELECT COALESCE(SUM(table_name <> '$own'), 0) AS n, COALESCE(SUM(table_name NOT IN ($core, '$own')), 0) AS others,
				MAX(IF(table_name = '$own', table_comment, NULL)) AS tried FROM information_schema.tables
			WHERE table_schema = DATABASE() AND table_name LIKE '" . addcslashes( $prefix, '_%' ) . "%';
		SELECT option_name, option_value FROM {$prefix}options WHERE option_name IN ('siteurl', 'active_plugins', 'wc_installing',
			'woocommerce_version', 'woocommerce_db_version', 'sendstores_installed', 'sendstores_activated', 'sendstores_bootstrap',
			'" . SENDSTORES_COMPLETED . "');
		SELECT COUNT(*) AS n FROM {$prefix}users u
			JOIN {$prefix}usermeta m ON m.user_id = u.ID AND m.meta_key = '{$prefix}capabilities' AND m.meta_value LIKE '%administrator%'
			WHERE u.user_login = '$login'";

	$results = array();
	$more    = $db->multi_query( $sql );
	while ( $more && false !== ( $result = $db->store_result() ) ) {
		$results[] = $result->fetch_all( MYSQLI_ASSOC );
		$more      = $db->more_results() && $db->next_result();
	}
	// A table that is not there (1146) leaves the rest unasked, and that means empty. Nothing else does: whoever takes an
	// unreadable store for an empty one would install over it.
	$readable = 0 === $db->errno ? 3 === count( $results ) : 1146 === $db->errno && count( $results ) > 0;
	return $readable ? $results : sendstores_database_reason( $db->errno );
}

/** Whether WooCommerce is there as a whole, and of the version of its code. */
function sendstores_activated( array $state ): bool {
	return $state['active'] && ! $state['wc_installing'] && null !== $state['woocommerce_db_version']
		&& $state['woocommerce_version'] === $state['woocommerce_code'];
}

/** The version of the WooCommerce code on the volume, or null when there is none. */
function sendstores_woocommerce_code(): ?string {
	$file = SENDSTORES_SITE . '/wp-content/plugins/' . SENDSTORES_PLUGIN;
	$head = is_readable( $file ) ? file_get_contents( $file, false, null, 0, 8192 ) : '';
	return preg_match( '/^[ \t*]*Version:\s*(\S+)/mi', $head, $match ) ? $match[1] : null;
}

/** Takes the end mark of a step back. */
function sendstores_unmark( mysqli $db, string $step ): void {
	$db->query( 'DELETE FROM ' . SENDSTORES_PREFIX . "options WHERE option_name = '" . SENDSTORES_MARKS[ $step ] . "'" );
}

/** Writes the end marks of steps: all of them or, where the process is killed, none. */
function sendstores_mark( mysqli $db, string ...$steps ): bool {
	$rows = array_map( static fn( $step ) => "('" . SENDSTORES_MARKS[ $step ] . "', '1', 'off')", $steps );
	return (bool) $db->query(
		'INSERT INTO ' . SENDSTORES_PREFIX . 'options (option_name, option_value, autoload)
			VALUES ' . implode( ', ', $rows ) . ' ON DUPLICATE KEY UPDATE option_value = option_value'
	);
}
