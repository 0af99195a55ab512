//! Stores come and go on simulated nodes, and every counter is where it was.

use sendstores_tests::{cluster::Cluster, cycles};

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_come_and_go_leave_every_counter_where_it_was() {
    cycles::leave_nothing(&Cluster::light(), 4).await;
}
