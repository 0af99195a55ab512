//! How long a call may take: the server's own limit, or the caller's if that is shorter.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// The deadline of a call with this metadata.
pub(super) fn of(metadata: &MetadataMap, most: Duration) -> Duration {
    let text = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok());
    text.and_then(parse).map_or(most, |asked| asked.min(most))
}

/// `TimeoutValue TimeoutUnit` of the gRPC protocol: at most 8 digits and one letter.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_as_the_protocol_has_them() {
        assert_eq!(parse("100m"), Some(Duration::from_millis(100)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for bad in ["", "m", "1", "1x", "-1S", "123456789S", "1é"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_caller_can_only_shorten_the_deadline() {
        let mut metadata = MetadataMap::new();
        let most = Duration::from_secs(10);
        assert_eq!(of(&metadata, most), most);
        metadata.insert("grpc-timeout", "1S".parse().expect("valid"));
        assert_eq!(of(&metadata, most), Duration::from_secs(1));
        metadata.insert("grpc-timeout", "1H".parse().expect("valid"));
        assert_eq!(of(&metadata, most), most);
    }
}
