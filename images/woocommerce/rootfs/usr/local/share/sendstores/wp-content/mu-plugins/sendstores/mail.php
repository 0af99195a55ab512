<?php
/**
 * Mail leaves by what the merchant's plugins have set up; where none has, by the relay of the platform, if there is one.
 *
 * Without either, PHP's own way is left, which is a program that says that the store has no mail server (php.ini).
 */

defined( 'ABSPATH' ) || exit;

/** A shopper waits for the mails of an order, so a relay that is away must not hold them for PHPMailer's five minutes. */
const SENDSTORES_MAIL_SECONDS = 10;

/** Sets up the relay, unless a plugin that came before has set up a way of its own. */
function sendstores_use_relay( PHPMailer\PHPMailer\PHPMailer $mail ): void {
	$host = sendstores_setting( 'MAIL_HOST' );
	if ( '' === $host || 'mail' !== $mail->Mailer ) {
		return;
	}
	$encryption = sendstores_setting( 'MAIL_ENCRYPTION', 'starttls' );
	$user       = sendstores_setting( 'MAIL_USER' );
	$mail->isSMTP();
	$mail->Host        = $host;
	$mail->Port        = (int) sendstores_setting( 'MAIL_PORT', '587' );
	$mail->SMTPSecure  = array( 'starttls' => 'tls', 'tls' => 'ssl' )[ $encryption ] ?? '';
	$mail->SMTPAutoTLS = false;
	$mail->SMTPAuth    = '' !== $user;
	$mail->Username    = $user;
	$mail->Password    = '' !== $user ? (string) sendstores_mail_password() : '';
	$mail->Timeout     = SENDSTORES_MAIL_SECONDS;

	$from = sendstores_setting( 'MAIL_FROM' );
	if ( '' !== $from ) {
		// The relay takes mail from this address alone; answers still go to the shop.
		if ( ! $mail->getReplyToAddresses() ) {
			$mail->addReplyTo( $mail->From, $mail->FromName );
		}
		$mail->setFrom( $from, $mail->FromName, false );
		$mail->Sender = $from;
	}
	$GLOBALS['sendstores_relay'] = "$host:$mail->Port";
}

function sendstores_mail_password(): ?string {
	$file = '/run/secrets/mail/password';
	return is_readable( $file ) ? rtrim( file_get_contents( $file ), "\r\n" ) : null;
}

/** Without addressees and what the relay says of them: the container's log is not the place for shoppers' addresses. */
function sendstores_log_relay( WP_Error $error ): void {
	if ( ! isset( $GLOBALS['sendstores_relay'] ) ) {
		return;
	}
	$why = preg_replace( array( '/^SMTP Error: /', '/[:\s]*\S*@.*/s', '/\s*https?:.*/s' ), '', $error->get_error_message() );
	error_log( "mail not sent: the relay {$GLOBALS['sendstores_relay']} did not take it: $why" );
}

// Behind all plugins: the relay's password must never meet another plugin's server.
add_action( 'phpmailer_init', 'sendstores_use_relay', PHP_INT_MAX );
add_action( 'wp_mail_failed', 'sendstores_log_relay' );
