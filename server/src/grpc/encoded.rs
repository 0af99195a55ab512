//! WatchStatus with messages that are encoded already, so that one encoding serves all watchers.
//!
//! The generated service encodes a message anew for each stream. Here its path is answered by a codec that takes the
//! bytes as they are. Everything else of the call (framing, limits, gRPC-Web, trailers) stays tonic's.

use std::{future::Future, pin::Pin};

use axum::{body::Body, extract::Request, response::Response};
use bytes::{BufMut, Bytes};
use prost::Message;
use sendstores_core::ledger::Ledger;
use sendstores_proto::v1::{self as wire, store_service_server::SERVICE_NAME};
use tonic::{
    Status,
    codec::{Codec, EncodeBuf, Encoder},
    server::{Grpc, ServerStreamingService},
};
use tonic_prost::ProstCodec;

use super::{StoreApi, service::Messages};

/// What both sides of the call are in the contract.
type Contract = ProstCodec<wire::WatchStatusResponse, wire::WatchStatusRequest>;

/// Reads requests as the contract has them, and sends bytes that are a `WatchStatusResponse`.
#[derive(Default)]
struct EncodedCodec(Contract);

/// Sends bytes as they are.
struct AsTheyAre;

/// WatchStatus of the service.
struct Watching<L>(StoreApi<L>);

/// Where WatchStatus is called.
pub(super) fn path() -> String {
    format!("/{SERVICE_NAME}/WatchStatus")
}

/// The message as it goes over the wire.
pub(super) fn encode(message: &wire::WatchStatusResponse) -> Bytes {
    message.encode_to_vec().into()
}

/// Answers one call of WatchStatus.
pub(super) async fn watch_status<L: Ledger>(api: StoreApi<L>, max_request: usize, request: Request) -> Response {
    let mut grpc = Grpc::new(EncodedCodec::default()).max_decoding_message_size(max_request);
    grpc.server_streaming(Watching(api), request).await.map(Body::new)
}

impl<L: Ledger> ServerStreamingService<wire::WatchStatusRequest> for Watching<L> {
    type Response = Bytes;
    type ResponseStream = Messages;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Messages>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<wire::WatchStatusRequest>) -> Self::Future {
        let api = self.0.clone();
        Box::pin(async move { api.watch(request).await })
    }
}

impl Codec for EncodedCodec {
    type Encode = Bytes;
    type Decode = wire::WatchStatusRequest;
    type Encoder = AsTheyAre;
    type Decoder = <Contract as Codec>::Decoder;

    fn encoder(&mut self) -> AsTheyAre {
        AsTheyAre
    }

    fn decoder(&mut self) -> Self::Decoder {
        self.0.decoder()
    }
}

impl Encoder for AsTheyAre {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}
