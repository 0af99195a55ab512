<?php
/**
 * The shop's title, in the options that an installation copies it to.
 *
 * The copies are made by WordPress' functions from a title that WordPress knows, so they can only be found and written
 * inside it. Any release may have other ones: they are found by their text.
 */

/** The forms in which WordPress hands out the title that is stored now. */
function sendstores_title_forms(): array {
	return array(
		'stored'  => (string) get_option( 'blogname' ),
		'shown'   => get_bloginfo( 'name', 'display' ),
		'quoted'  => esc_attr( get_bloginfo( 'name', 'display' ) ),
		'text'    => wp_specialchars_decode( get_bloginfo( 'name', 'display' ), ENT_QUOTES ),
		'written' => wp_specialchars_decode( get_option( 'blogname' ), ENT_QUOTES ),
	);
}

/** Gives the shop its title: where an option is a form of the old one, it becomes the same form of the new one. */
function sendstores_retitle( string $title ): void {
	global $wpdb;
	$old = sendstores_title_forms();
	// Stored as HTML, see `install`.
	update_option( 'blogname', htmlspecialchars( $title, ENT_QUOTES | ENT_HTML401, 'UTF-8' ) );
	$new  = sendstores_title_forms();
	$any  = implode( ', ', array_fill( 0, count( $old ), '%s' ) );
	$rows = $wpdb->get_results( $wpdb->prepare( "SELECT option_name, option_value FROM $wpdb->options WHERE option_value IN ($any)", ...array_values( $old ) ) );
	foreach ( $rows as $row ) {
		$form = array_search( $row->option_value, $old, true );
		if ( false !== $form ) {
			update_option( $row->option_name, $new[ $form ] );
		}
	}
}
