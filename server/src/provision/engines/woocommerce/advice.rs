//! What to do about the failure of a shop: the words of WordPress, PHP and its database.

use sendstores_core::{Failure, FailureReason, StoreId};

use super::{APPLICATION, PHP_FATAL_ERROR, PLUGIN_MISSING};
use crate::provision::advice;

/// Where a shop keeps what is installed into it.
pub(super) const CONTENT: &str = "/srv/wordpress/wp-content/";

pub(crate) fn advise(id: &StoreId, failure: &Failure) -> String {
    if failure.message.contains("OOMKilled") {
        return advice::usual(id, failure);
    }
    match failure.reason {
        reason if reason == PLUGIN_MISSING => format!(
            "Use a store image that ships WooCommerce, or restart the pod so that its volume is seeded: \
             kubectl -n {id} rollout restart deployment/{}",
            APPLICATION.name
        ),
        reason if reason == PHP_FATAL_ERROR => php(id, failure),
        FailureReason::DataMissing => {
            "Put the database back from a backup of its volume; the store is observed again by itself. Or delete the store"
                .to_owned()
        }
        FailureReason::DatabaseUnavailable => advice::log_of(id, failure, "pods -l app.kubernetes.io/name=mysql"),
        FailureReason::ApplicationUnavailable | FailureReason::BootstrapFailed | FailureReason::StorefrontUnavailable => {
            advice::log_of(id, failure, "pods -l app.kubernetes.io/name=wordpress")
        }
        _ => advice::usual(id, failure),
    }
}

/// A command in the application's container.
pub(super) fn inside(id: &StoreId, command: &str) -> String {
    let name = APPLICATION.name;
    format!("kubectl -n {id} exec deployment/{name} -c {name} -- {command}")
}

/// How the part is switched off that the log blames; where it names none, how the log is read.
fn php(id: &StoreId, failure: &Failure) -> String {
    let log = failure.diagnosis.as_deref().map_or("", |found| found.log_tail.as_str());
    let text = format!("{log}\n{}", failure.message);
    match blamed(&text) {
        Some(Part::Plugin(name)) => format!(
            "Switch off the plugin that the log names: {}",
            inside(id, &format!("wp plugin deactivate {name} --skip-plugins --skip-themes"))
        ),
        Some(Part::Theme(name)) => format!(
            "Repair the theme that the log names, or move it away, so that WordPress takes a default theme: {}",
            inside(id, &format!("mv {CONTENT}themes/{name} {CONTENT}themes/{name}.off"))
        ),
        Some(Part::File(file)) => {
            format!(
                "Move the file away that the log names: {}",
                inside(id, &format!("mv {CONTENT}{file} {CONTENT}{file}.off"))
            )
        }
        None => advice::log_of(id, failure, "pods -l app.kubernetes.io/name=wordpress"),
    }
}

/// A part of a shop that can be switched off.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Plugin(&'a str),
    Theme(&'a str),
    /// A must-use plugin or a drop-in, by its path below [`CONTENT`].
    File(&'a str),
}

/// The first part that is named, apart from WooCommerce itself, which a shop cannot do without.
fn blamed(text: &str) -> Option<Part<'_>> {
    text.split(CONTENT).skip(1).find_map(|rest| {
        let path = rest.split(|c: char| !is_of_path(c)).next()?;
        match path.split_once('/') {
            Some(("plugins", rest)) => {
                rest.split_once('/').map(|(name, _)| name).filter(|name| *name != "woocommerce").map(Part::Plugin)
            }
            Some(("themes", rest)) => rest.split_once('/').map(|(name, _)| Part::Theme(name)),
            Some(("mu-plugins", name)) if is_script(name) && name != "sendstores.php" => Some(Part::File(path)),
            None if is_script(path) => Some(Part::File(path)),
            _ => None,
        }
    })
}

fn is_script(name: &str) -> bool {
    name.strip_suffix(".php").is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// Only such a text may stand in a command.
fn is_of_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use sendstores_core::Diagnosis;

    use super::*;

    #[test]
    fn the_part_that_the_log_blames_is_named_in_a_command() {
        let id: StoreId = "store-a".parse().unwrap();
        let advised = |log: &str| {
            let diagnosis =
                Diagnosis { object: "Pod wordpress-1".into(), log_tail: log.into(), ..Diagnosis::default() };
            let failure = Failure {
                reason: PHP_FATAL_ERROR,
                message: "shop_page: status 500".to_owned(),
                step: None,
                attempt: 1,
                retry_time: None,
                diagnosis: Some(Box::new(diagnosis)),
            };
            advise(&id, &failure)
        };
        for (log, command) in [
            (
                "in /srv/wordpress/wp-content/plugins/acme-rates/x.php:3",
                "wp plugin deactivate acme-rates --skip-plugins --skip-themes",
            ),
            (
                "/srv/wordpress/wp-content/plugins/woocommerce/a.php(3)\n#1 /srv/wordpress/wp-content/plugins/acme/b.php(1)",
                "wp plugin deactivate acme --skip-plugins --skip-themes",
            ),
            (
                "in /srv/wordpress/wp-content/mu-plugins/broken.php:1",
                "mv /srv/wordpress/wp-content/mu-plugins/broken.php /srv/wordpress/wp-content/mu-plugins/broken.php.off",
            ),
            (
                "in /srv/wordpress/wp-content/object-cache.php on line 1",
                "mv /srv/wordpress/wp-content/object-cache.php /srv/wordpress/wp-content/object-cache.php.off",
            ),
            (
                "in /srv/wordpress/wp-content/themes/shop/functions.php:9",
                "mv /srv/wordpress/wp-content/themes/shop /srv/wordpress/wp-content/themes/shop.off",
            ),
        ] {
            let advice = advised(log);
            assert!(
                advice.ends_with(&format!("kubectl -n store-a exec deployment/wordpress -c wordpress -- {command}")),
                "{advice}"
            );
        }
        for log in [
            "PHP Fatal error: x",
            "in /srv/wordpress/wp-content/plugins/; rm -rf /x.php",
            "wp-content/plugins/$(x)/y.php",
        ] {
            let advice = advised(log);
            assert!(advice.ends_with("kubectl -n store-a logs wordpress-1 --all-containers --tail=50"), "{advice}");
        }
    }
}
