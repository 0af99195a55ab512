<?php
/** What `configure` runs inside WordPress. */

require __DIR__ . '/steps.php';

try {
	$changed = sendstores_apply( $GLOBALS['sendstores_request'] );
	sendstores_finish( $GLOBALS['sendstores_request']['marker'] );
	$GLOBALS['sendstores_result'] = array( 'changed' => $changed );
} catch ( Sendstores_Failure $failure ) {
	$GLOBALS['sendstores_result'] = array(
		'reason' => $failure->reason,
		'detail' => $failure->getMessage(),
	);
}
