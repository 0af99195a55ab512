<?php
/**
 * Turns the rows of the snapshot into those of one store, before they reach a database.
 *
 * The snapshot was made for an address, an administrator and a mailbox that cannot exist, so every place that names one of
 * them is found by its text. Its clocks are moved to now, as a whole. What WooCommerce once rolled dice for is rolled again.
 */

const SENDSTORES_GOLDEN_HOST  = 'golden.invalid';
const SENDSTORES_GOLDEN_USER  = 'golden-owner';
const SENDSTORES_GOLDEN_EMAIL = 'owner@golden.invalid';

/** WordPress writes it in several forms (see titles.php), and this one differs in each of them. */
const SENDSTORES_GOLDEN_TITLE = 'Golden "title" -- it\'s one & more';

class Sendstores_Personaliser {
	private const DAY = 86400;

	private array $texts;
	private array $dice;
	private int $made;
	private int $now;

	/**
	 * @param array $request The request of `restore`.
	 * @param int   $made    When the snapshot was made.
	 */
	public function __construct( array $request, int $made, int $now ) {
		$url         = rtrim( $request['url'], '/' );
		$golden      = strstr( $url, '//', true ) . '//' . SENDSTORES_GOLDEN_HOST;
		$this->dice  = json_decode( file_get_contents( __DIR__ . '/options.json' ), true, 8, JSON_THROW_ON_ERROR )['dice'];
		$this->made  = $made;
		$this->now   = $now;
		$this->texts = array(
			SENDSTORES_GOLDEN_EMAIL => $request['admin_email'],
			SENDSTORES_GOLDEN_USER  => $request['admin_user'],
			$golden                 => $url,
			// As JSON has it.
			str_replace( '/', '\/', $golden ) => str_replace( '/', '\/', $url ),
		);
	}

	/** The rows of one table; each is a list of texts and nulls in the order of the table's columns. */
	public function rows( string $table, array $rows ): array {
		if ( SENDSTORES_PREFIX . 'options' === $table ) {
			return $this->options( $rows );
		}
		return array_map( fn( $row ) => array_map( fn( $cell ) => $this->cell( $cell ), $row ), $rows );
	}

	private function options( array $rows ): array {
		$own = array();
		foreach ( $rows as $row ) {
			$row[2] = 'cron' === $row[1] ? $this->cron( $row[2] ) : $this->roll( $row[1], $this->cell( $row[2] ) );
			$own[]  = $row;
		}
		return $own;
	}

	private function cell( ?string $text ): ?string {
		if ( null === $text || ! preg_match( '/golden|1\d{9}|\d{4}-\d\d-\d\d /', $text ) ) {
			return $text;
		}
		// Numbers keep their length, so a serialised text may be moved in time as it is.
		$text = $this->move( $text );
		if ( false === strpos( $text, 'golden' ) ) {
			return $text;
		}
		$value = @unserialize( $text, array( 'allowed_classes' => false ) );
		return is_array( $value ) ? serialize( $this->deep( $value ) ) : strtr( $text, $this->texts );
	}

	private function deep( array $value ): array {
		foreach ( $value as &$part ) {
			if ( is_array( $part ) ) {
				$part = $this->deep( $part );
			} elseif ( is_string( $part ) ) {
				$part = strtr( $part, $this->texts );
			}
		}
		return $value;
	}

	/** New dice for what tells one shop from another, and for secrets. A roll keeps the text's length or is all of it. */
	private function roll( string $name, string $value ): string {
		$dice = $this->dice[ $name ] ?? null;
		return null === $dice ? $value : preg_replace_callback( "/{$dice['form']}/", static fn() => self::cast( $dice['roll'] ), $value, 1 );
	}

	/** @param string|int[] $roll `uuid`, `token`, or the least and the greatest number. */
	private static function cast( $roll ): string {
		switch ( $roll ) {
			case 'uuid':
				return self::uuid();
			case 'token':
				return substr( strtr( base64_encode( random_bytes( 48 ) ), '+/', 'xy' ), 0, 32 );
		}
		return (string) random_int( ...$roll );
	}

	/** WordPress stops at the first event that is not due, so they stay in order; two may have come to the same second. */
	private function cron( string $value ): string {
		$events  = unserialize( $value, array( 'allowed_classes' => false ) );
		$version = array_intersect_key( $events, array( 'version' => true ) );
		$moved   = array();
		foreach ( array_diff_key( $events, $version ) as $time => $hooks ) {
			$time           = $this->later( $time );
			$moved[ $time ] = array_replace_recursive( $moved[ $time ] ?? array(), $hooks );
		}
		ksort( $moved, SORT_NUMERIC );
		return serialize( $moved + $version );
	}

	/** Moves all times in a text that lie in the days around the making of the snapshot. */
	private function move( string $text ): string {
		$text = preg_replace_callback( '/(?<!\d)1\d{9}(?!\d)/', fn( $found ) => (string) $this->later( (int) $found[0] ), $text );
		return preg_replace_callback(
			'/(?<!\d)\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?!\d)/',
			fn( $found ) => gmdate( 'Y-m-d H:i:s', $this->later( (int) strtotime( "$found[0] UTC" ) ) ),
			$text
		);
	}

	private function later( int $time ): int {
		if ( $time < $this->made - self::DAY || $time > $this->made + 60 * self::DAY ) {
			return $time;
		}
		// What was set for midnight stays there.
		return 0 === $time % self::DAY ? $time + ( intdiv( $this->now, self::DAY ) - intdiv( $this->made, self::DAY ) ) * self::DAY : $time + $this->now - $this->made;
	}

	private static function uuid(): string {
		$bytes    = random_bytes( 16 );
		$bytes[6] = chr( ord( $bytes[6] ) & 0x0f | 0x40 );
		$bytes[8] = chr( ord( $bytes[8] ) & 0x3f | 0x80 );
		return vsprintf( '%s%s-%s-%s-%s-%s%s%s', str_split( bin2hex( $bytes ), 4 ) );
	}
}
