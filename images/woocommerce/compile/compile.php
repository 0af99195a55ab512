<?php
/**
 * Compiles the files named on stdin into opcache's file cache.
 *
 * Compiling declares what a file declares, and two files may declare the same, so a folder's files share a process and,
 * where that fails, each gets its own. What cannot be compiled alone is left to be compiled when it is used.
 */

/** Compiles files in a process of their own; returns whether all of them went well. */
function compile( array $files ): bool {
	$child = pcntl_fork();
	if ( 0 === $child ) {
		fclose( STDERR );
		$compiled = true;
		foreach ( $files as $file ) {
			try {
				$compiled = opcache_compile_file( $file ) && $compiled;
			} catch ( Throwable $e ) {
				$compiled = false;
			}
		}
		exit( $compiled ? 0 : 1 );
	}
	pcntl_waitpid( $child, $status );
	return 0 === $status;
}

$failed = 0;
$files  = file( 'php://stdin', FILE_IGNORE_NEW_LINES );
$groups = array();
foreach ( $files as $file ) {
	$groups[ dirname( $file ) ][] = $file;
}
foreach ( $groups as $group ) {
	if ( ! compile( $group ) ) {
		foreach ( $group as $file ) {
			$failed += compile( array( $file ) ) ? 0 : 1;
		}
	}
}
printf( "compiled %d files, %d left as they are\n", count( $files ) - $failed, $failed );
