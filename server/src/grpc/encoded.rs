//! Get, List and WatchStatus with stores that are encoded already, so that one encoding serves all who read.
//!
//! The generated service encodes a store anew for each answer. Here the paths of these methods are answered with the
//! messages of `shown.rs`, and those of a watch as bytes. All else of the calls (framing, limits, gRPC-Web, trailers)
//! stays tonic's.

use bytes::{BufMut, Bytes};
use http::{Request, Response};
use hyper::body::Body as HttpBody;
use prost::Message;
use sendstores_proto::v1 as wire;
use tonic::{
    Status,
    body::Body,
    codec::{Codec, EncodeBuf, Encoder},
    server::{Grpc, ServerStreamingService, UnaryService},
};
use tonic_prost::ProstCodec;

use super::{service::Messages, shown};

/// The body of a request, however it came.
pub(super) trait RequestBody: HttpBody<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static {}

impl<B> RequestBody for B where B: HttpBody<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static {}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Messages that may go either way.
#[derive(Clone, Copy)]
pub(super) struct MessageSizes {
    pub(super) request: usize,
    pub(super) response: usize,
}

/// What both sides of a watch are in the contract.
type Contract = ProstCodec<shown::WatchStatus, wire::WatchStatusRequest>;

/// Reads requests as the contract has them, and sends bytes that are a `WatchStatusResponse`.
#[derive(Default)]
struct EncodedCodec(Contract);

/// Sends bytes as they are.
struct AsTheyAre;

/// The message as it goes over the wire.
pub(super) fn encode(message: &shown::WatchStatus) -> Bytes {
    message.encode_to_vec().into()
}

/// Has a method answered that is not a stream.
pub(super) async fn unary<Q, A, B>(
    sizes: MessageSizes,
    request: Request<B>,
    method: impl UnaryService<Q, Response = A>,
) -> Response<Body>
where
    Q: Message + Default + 'static,
    A: Message + 'static,
    B: RequestBody,
{
    sizes.limit(Grpc::new(ProstCodec::<A, Q>::default())).unary(method, request).await
}

/// Has a WatchStatus answered.
pub(super) async fn watch(
    sizes: MessageSizes,
    request: Request<impl RequestBody>,
    method: impl ServerStreamingService<wire::WatchStatusRequest, Response = Bytes, ResponseStream = Messages>,
) -> Response<Body> {
    sizes.limit(Grpc::new(EncodedCodec::default())).server_streaming(method, request).await
}

// === impl MessageSizes ===

impl MessageSizes {
    fn limit<C>(self, grpc: Grpc<C>) -> Grpc<C>
    where
        C: Codec,
    {
        grpc.max_decoding_message_size(self.request).max_encoding_message_size(self.response)
    }
}

// === impl EncodedCodec ===

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
