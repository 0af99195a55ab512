//! Small pieces of text.

use std::time::{Duration, SystemTime};

use sendstores_client::Timestamp;

/// One line that cannot move a terminal's cursor, whatever a server sends.
pub(crate) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A short time as it is measured: `0.4s`, `12.3s`, `2m05s`, `1h02m`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{}.{}s", seconds, time.subsec_millis() / 100),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// How old something is, in its largest unit: `5s`, `3m`, `2h`, `9d`.
pub(crate) fn age(since: Option<Timestamp>, now: SystemTime) -> String {
    let Some(then) = since.and_then(system_time) else { return "-".to_owned() };
    let seconds = now.duration_since(then).unwrap_or_default().as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// RFC 3339 to the second, `-` for none.
pub(crate) fn time(at: Option<Timestamp>) -> String {
    at.and_then(system_time).map_or_else(|| "-".to_owned(), |at| humantime::format_rfc3339_seconds(at).to_string())
}

pub(crate) fn system_time(at: Timestamp) -> Option<SystemTime> {
    // humantime cannot format years beyond 9999; such a time is a fault of the server and not shown.
    SystemTime::try_from(at).ok().filter(|_| (0..253_402_300_800).contains(&at.seconds))
}

/// From one time to another; `None` unless both are there.
pub(crate) fn between(start: Option<Timestamp>, end: Option<Timestamp>) -> Option<Duration> {
    system_time(end?)?.duration_since(system_time(start?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos: 0 })
    }

    #[test]
    fn durations_keep_what_matters() {
        for (millis, wanted) in
            [(0, "0.0s"), (449, "0.4s"), (12_300, "12.3s"), (125_000, "2m05s"), (3_720_000, "1h02m")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), wanted);
        }
    }

    #[test]
    fn ages_are_in_their_largest_unit_and_never_negative() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (seconds, wanted) in [(999_995, "5s"), (999_800, "3m"), (992_000, "2h"), (200_000, "9d"), (1_000_100, "0s")]
        {
            assert_eq!(age(at(seconds), now), wanted);
        }
        assert_eq!(age(None, now), "-");
    }

    #[test]
    fn times_are_rfc_3339_and_nonsense_is_no_time() {
        assert_eq!(time(at(1_800_000_000)), "2027-01-15T08:00:00Z");
        assert_eq!(time(at(i64::MAX)), "-");
        assert_eq!(time(None), "-");
    }

    #[test]
    fn text_of_a_server_cannot_move_the_cursor() {
        assert_eq!(line("a\n\x1b[2Jb"), "a  [2Jb");
    }
}
