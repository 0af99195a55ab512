<?php
/** Brings the snapshot into an empty database. */

/** From here on, what is in the database is this restore's and may be dropped, until an end mark is there. */
function sendstores_begin_restore( mysqli $db, int $attempt ): void {
	$table = SENDSTORES_RESTORE_TABLE;
	sendstores_statement( $db, "CREATE TABLE IF NOT EXISTS $table (attempts int) COMMENT = '0'" );
	sendstores_statement( $db, "ALTER TABLE $table COMMENT = '$attempt'" );
}

function sendstores_load_snapshot( mysqli $db, array $request ): void {
	$snapshot     = json_decode( file_get_contents( sendstores_snapshot() . '/store.json' ), true, 16, JSON_THROW_ON_ERROR );
	$personaliser = new Sendstores_Personaliser( $request, $snapshot['made'], time() );
	// Times are kept as they were written, zeros among them; rows keep their numbers.
	sendstores_statement( $db, "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'" );
	foreach ( $snapshot['tables'] as $name => $table ) {
		sendstores_statement( $db, $table['create'] );
	}
	$db->begin_transaction();
	foreach ( $snapshot['tables'] as $name => $table ) {
		sendstores_insert( $db, $name, $personaliser->rows( $name, $table['rows'] ) );
	}
	$db->commit();
	sendstores_copy_uploads();
}

function sendstores_insert( mysqli $db, string $table, array $rows ): void {
	$values = array();
	foreach ( $rows as $row ) {
		$cells    = array_map( static fn( $cell ) => null === $cell ? 'NULL' : "'" . $db->real_escape_string( $cell ) . "'", $row );
		$values[] = '(' . implode( ',', $cells ) . ')';
	}
	if ( $values ) {
		sendstores_statement( $db, "INSERT INTO `$table` VALUES " . implode( ',', $values ) );
	}
}

function sendstores_statement( mysqli $db, string $sql ): void {
	if ( ! $db->query( $sql ) ) {
		sendstores_fail( 'DATABASE_ERROR', 'the snapshot cannot be loaded: ' . sendstores_database_reason( $db->errno ) );
	}
}

/** The few files that an installation makes: placeholder images, and what closes folders to visitors. */
function sendstores_copy_uploads(): void {
	$source = sendstores_snapshot() . '/uploads';
	$target = SENDSTORES_SITE . '/wp-content/uploads';
	$files  = new RecursiveIteratorIterator( new RecursiveDirectoryIterator( $source, FilesystemIterator::SKIP_DOTS ) );
	foreach ( $files as $file ) {
		$path = $target . substr( $file->getPathname(), strlen( $source ) );
		// Read-only uploads make a shop without images, as they do with WooCommerce's own installer.
		if ( ! is_dir( dirname( $path ) ) && ! @mkdir( dirname( $path ), 0755, true ) ) {
			continue;
		}
		@copy( $file->getPathname(), $path );
	}
}
