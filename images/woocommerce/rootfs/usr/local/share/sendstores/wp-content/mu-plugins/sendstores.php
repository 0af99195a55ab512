<?php
/**
 * Plugin Name: SendStores
 * Description: What a store needs to know about the platform it runs on.
 *
 * Part of the store image and replaced with it: changes made here are lost.
 */

defined( 'ABSPATH' ) || exit;

foreach ( array( 'cron', 'health', 'mail', 'outside', 'places' ) as $sendstores_part ) {
	require __DIR__ . "/sendstores/$sendstores_part.php";
}
unset( $sendstores_part );
