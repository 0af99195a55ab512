<?php
/** Runs inside WordPress, see `open`. */

require '/opt/sendstores/configure.d/steps.php';

sendstores_become_administrator( $GLOBALS['sendstores_request']['admin_user'] );
sendstores_run_steps( array(), array( 'opening' => SENDSTORES_STEPS['opening'] ) );
