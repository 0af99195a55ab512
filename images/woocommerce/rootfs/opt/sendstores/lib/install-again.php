<?php
/**
 * Completes an interrupted installation of an active WooCommerce.
 *
 * By itself it installs only when its version row is old or missing, and it writes that row before it has finished.
 */

WC_Install::install();
