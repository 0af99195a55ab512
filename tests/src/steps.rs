//! The steps of a WooCommerce store by their names in the contract, which stay as they are.

use sendstores_core::StepName;

pub const NAMESPACE: StepName = StepName::new("namespace");
pub const CREDENTIALS: StepName = StepName::new("credentials");
pub const RELEASE: StepName = StepName::new("release");
pub const DATABASE: StepName = StepName::new("database");
pub const APPLICATION: StepName = StepName::new("application");
pub const BOOTSTRAP: StepName = StepName::new("bootstrap");
pub const STOREFRONT: StepName = StepName::new("storefront");

/// In the order in which they are taken.
pub const ALL: [StepName; 7] = [NAMESPACE, CREDENTIALS, RELEASE, DATABASE, APPLICATION, BOOTSTRAP, STOREFRONT];

#[cfg(test)]
mod tests {
    use sendstores_server::provision::ENGINES;

    use super::ALL;

    #[test]
    fn the_engine_has_these_steps_in_this_order() {
        let engine = ENGINES.default_engine().expect("an engine");
        assert_eq!(engine.engine.as_str(), "woocommerce");
        assert!(engine.pipeline.names().eq(ALL));
    }
}
