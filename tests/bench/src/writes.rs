//! Writes by the API.

use std::net::SocketAddr;

use prost::Message;
use sendstores_proto::v1::{CreateRequest, CreateResponse, Store, store::State};
use uuid::Uuid;

use crate::grpc::{Call, Connection};

/// A new store as its caller is told of it, asked for as the client crate does: with a request id.
pub(crate) async fn create(connection: &Connection, server: SocketAddr) -> Store {
    let request = CreateRequest { request_id: Uuid::new_v4().to_string(), ..CreateRequest::default() };
    let call = Call::new(server, "/sendstores.v1.StoreService/Create", &request);
    let answer = connection.unary(&call).await.expect("an answer");
    let store = CreateResponse::decode(answer).expect("a CreateResponse").store.expect("a store");
    assert_eq!(store.state(), State::Provisioning);
    store
}
