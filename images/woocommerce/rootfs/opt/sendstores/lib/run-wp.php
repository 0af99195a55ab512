<?php
/** Runs WP-CLI in a process of its own, whose memory is free afterwards. No user text may be among the arguments. */

/** Null when it succeeded, else how PHP ended, or the last that it said. All it says goes to stderr. */
function sendstores_run_wp( string ...$arguments ): ?string {
	$argv    = array( '/usr/local/bin/wp', '--require=' . __DIR__ . '/offline.php', '--no-color', ...$arguments );
	$process = proc_open( $argv, array( array( 'file', '/dev/null', 'r' ), array( 'pipe', 'w' ), array( 'redirect', 1 ) ), $pipes, SENDSTORES_SITE );
	$last    = 'ended early without a message';
	$fatal   = null;
	while ( false !== ( $line = fgets( $pipes[1] ) ) ) {
		fwrite( STDERR, $line );
		$last  = '' === trim( $line ) ? $last : trim( $line );
		$fatal = $fatal ?? ( preg_match( '/(Fatal|Parse) error:/', $line ) ? trim( $line ) : null );
	}
	fclose( $pipes[1] );
	return 0 === proc_close( $process ) ? null : $fatal ?? $last;
}
