<?php
/** WordPress' Site Health judges a machine that the merchant runs. What the platform does here is said once, and not asked for. */

defined( 'ABSPATH' ) || exit;

const SENDSTORES_UPDATES   = 'Updates of WordPress, PHP, WooCommerce and the theme come with the image of the store.';
const SENDSTORES_OUTSIDE   = 'The shop asks no host outside but those that the operator has named.';
const SENDSTORES_SCHEDULED = 'The platform runs what is scheduled, and watches it; the shop does not call itself.';

/** Test => why it is not the merchant's. */
const SENDSTORES_NOT_ASKED = array(
	'wordpress_version'            => SENDSTORES_UPDATES,
	'plugin_version'               => SENDSTORES_UPDATES,
	'theme_version'                => SENDSTORES_UPDATES,
	'php_version'                  => SENDSTORES_UPDATES,
	'background_updates'           => SENDSTORES_UPDATES,
	'plugin_theme_auto_updates'    => SENDSTORES_UPDATES,
	'update_temp_backup_writable'  => SENDSTORES_UPDATES,
	'available_updates_disk_space' => SENDSTORES_UPDATES,
	'dotorg_communication'         => SENDSTORES_OUTSIDE,
	'http_requests'                => SENDSTORES_OUTSIDE,
	'loopback_requests'            => SENDSTORES_SCHEDULED,
	'scheduled_events'             => SENDSTORES_SCHEDULED,
	'rest_availability'            => 'The platform visits the shop, its products and a cart, and acts where they do not answer.',
	'page_cache'                   => 'Nothing is cached between shop and shopper: a page shows what is in stock now.',
	'persistent_object_cache'      => 'The shop has a database of its own beside it, which needs no cache in front.',
	'https_status'                 => 'The platform decides whether the shop has TLS.',
	'ssl_support'                  => 'The platform decides whether the shop has TLS.',
);

/** @param array $tests `direct` and `async`, each test name => test. */
function sendstores_health_tests( array $tests ): array {
	foreach ( array( 'direct', 'async' ) as $kind ) {
		$tests[ $kind ] = array_diff_key( $tests[ $kind ] ?? array(), SENDSTORES_NOT_ASKED );
	}
	$tests['direct']['sendstores'] = array(
		'label' => 'What the platform does',
		'test'  => 'sendstores_health',
	);
	return $tests;
}

function sendstores_health(): array {
	$lines = array_map( static fn( $line ) => '<li>' . esc_html( $line ) . '</li>', array_unique( SENDSTORES_NOT_ASKED ) );
	return array(
		'label'       => 'The platform takes care of updates, scheduled jobs and connections',
		'status'      => 'good',
		'badge'       => array(
			'label' => 'Platform',
			'color' => 'blue',
		),
		'description' => '<ul>' . implode( '', $lines ) . '</ul><p>Ask the operator of the platform if you need it otherwise.</p>',
		'actions'     => '',
		'test'        => 'sendstores',
	);
}

add_filter( 'site_status_tests', 'sendstores_health_tests' );
// GD does what pictures of a shop need.
add_filter( 'site_status_test_php_modules', static fn( $modules ) => array_diff_key( $modules, array( 'imagick' => true ) ) );
