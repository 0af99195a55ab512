<?php
/**
 * Runs one WP-CLI command inside this process, so that user text and passwords never appear in an argument list,
 * and judges it by what it left in the database.
 */

/**
 * @param string   $command   The command's name, such as `plugin activate`.
 * @param string[] $arguments What follows it, as WP-CLI would get it from a shell.
 * @param callable $verify    Called at the very end, whether the command ran through or not; answers and exits.
 */
function sendstores_run_wp_cli( string $command, array $arguments, callable $verify ): void {
	$GLOBALS['sendstores_wp_cli'] = array(
		'completed' => false,
		'command'   => $command,
		'error'     => '',
	);
	// WordPress adds shutdown functions of its own; ours is added by the first round so that it comes after them.
	register_shutdown_function(
		static function () use ( $verify ): void {
			// One of theirs that meets a dead database ends the process before ours is called: answer while we can.
			$database = $GLOBALS['sendstores_wp_cli']['completed'] ? null : sendstores_connect( 1 );
			if ( is_string( $database ) ) {
				sendstores_fail( 'DATABASE_UNAVAILABLE', "the store's database: $database" );
			}
			register_shutdown_function( $verify );
		}
	);
	$argv = array_merge( array( '/usr/local/bin/wp', '--require=' . __DIR__ . '/wp-hooks.php' ), explode( ' ', $command ), $arguments );

	$_SERVER['argv'] = $GLOBALS['argv'] = $argv;
	$_SERVER['argc'] = $GLOBALS['argc'] = count( $argv );
	require '/usr/local/share/sendstores/wp-cli.phar';
}

/** Why the command did not run through, in the words of the program that failed; null when it did. */
function sendstores_wp_cli_failure(): ?array {
	$run = $GLOBALS['sendstores_wp_cli'];
	if ( $run['completed'] ) {
		return null;
	}
	$last = error_get_last();
	if ( null !== $last && ( $last['type'] & ( E_ERROR | E_PARSE | E_COMPILE_ERROR | E_CORE_ERROR ) ) ) {
		return array( 'PHP_FATAL', basename( $last['file'] ) . ':' . $last['line'] . ': ' . strtok( $last['message'], "\n" ) );
	}
	return array( 'WP_CLI_ERROR', '' !== $run['error'] ? $run['error'] : 'ended early without a message' );
}
