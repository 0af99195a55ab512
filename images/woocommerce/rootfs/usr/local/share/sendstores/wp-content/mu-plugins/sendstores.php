<?php
/**
 * Plugin Name: SendStores
 * Description: What a store needs to know about the platform it runs on.
 *
 * Part of the store image and replaced with it: changes made here are lost.
 */

defined( 'ABSPATH' ) || exit;

// A container has no mail program. Say so once per message, instead of a shell's complaint about a missing command.
add_filter(
	'pre_wp_mail',
	static function ( $result ) {
		if ( null !== $result ) {
			return $result;
		}
		error_log( 'mail not sent: this store has no mail server' );
		return false;
	},
	99
);
