<?php
/**
 * requests.php golden|second SCHEME [FIELD]: the request for one of the two stores that `make` makes, or one field of it. Each
 * program takes its part of a request.
 *
 * The second one is as unlike the first as a store can be, so that what a restore does not replace shows.
 */

require '/opt/sendstores/lib/settings.php';
require '/opt/sendstores/lib/personalise.php';

$requests = array(
	'golden' => array(
		'url'         => "$argv[2]://" . SENDSTORES_GOLDEN_HOST,
		'title'       => SENDSTORES_GOLDEN_TITLE,
		'admin_user'  => SENDSTORES_GOLDEN_USER,
		'admin_email' => SENDSTORES_GOLDEN_EMAIL,
	),
	'second' => array(
		'url'              => "$argv[2]://shop.second.example",
		'title'            => "Käse & \"Brot\" 'n' <b>more</b> ... --x",
		'admin_user'       => 'A. Merchant@second_1-x',
		'admin_email'      => 'else@where.example',
		'marker'           => 'second',
		'country'          => 'US:CA',
		'currency'         => 'JPY',
		'timezone'         => 'Europe/Berlin',
		'taxes'            => true,
		'tax_rate'         => '7.25',
		'prices_include_tax' => true,
		'weight_unit'      => 'oz',
		'dimension_unit'   => 'yd',
		'payment_methods'  => array( 'cod', 'bacs', 'cheque' ),
		'flat_rate'        => '500',
		'sample_catalogue' => true,
	),
);
$request = $requests[ $argv[1] ] + array( 'admin_password' => bin2hex( random_bytes( 16 ) ) );
echo isset( $argv[3] ) ? $request[ $argv[3] ] : json_encode( $request, JSON_THROW_ON_ERROR ), "\n";
