//! Serves Get, List and WatchStatus with the responses of `cached.rs` in place of the generated ones.
//!
//! The generated service encodes every store again for each response. Here Get and List are encoded from a message that
//! holds cached bytes, and a message of WatchStatus is bytes from the start: one encoded change serves all watchers that
//! are sent it. Framing, message limits, compression and trailers are tonic's, as for every other method.

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

use super::{cached, service::Messages};

/// The body of a request, over gRPC or gRPC-Web.
pub(super) trait RequestBody: HttpBody<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static {}

impl<B> RequestBody for B where B: HttpBody<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static {}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The largest message that is accepted, and the largest that is sent, in bytes.
#[derive(Clone, Copy)]
pub(super) struct MessageSizes {
    pub(super) request: usize,
    pub(super) response: usize,
}

/// The usual codec of WatchStatus, which decodes its requests.
type Usual = ProstCodec<cached::WatchStatusResponse, wire::WatchStatusRequest>;

/// Decodes a `WatchStatusRequest`, and sends bytes that are an encoded `WatchStatusResponse`.
#[derive(Default)]
struct WatchCodec(Usual);

/// Sends bytes that are encoded already.
struct BytesEncoder;

/// The bytes of one message of a watch.
pub(super) fn encode(message: &cached::WatchStatusResponse) -> Bytes {
    message.encode_to_vec().into()
}

/// Serves a unary method.
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

/// Serves WatchStatus.
pub(super) async fn watch(
    sizes: MessageSizes,
    request: Request<impl RequestBody>,
    method: impl ServerStreamingService<wire::WatchStatusRequest, Response = Bytes, ResponseStream = Messages>,
) -> Response<Body> {
    sizes.limit(Grpc::new(WatchCodec::default())).server_streaming(method, request).await
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

// === impl WatchCodec ===

impl Codec for WatchCodec {
    type Encode = Bytes;
    type Decode = wire::WatchStatusRequest;
    type Encoder = BytesEncoder;
    type Decoder = <Usual as Codec>::Decoder;

    fn encoder(&mut self) -> BytesEncoder {
        BytesEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        self.0.decoder()
    }
}

impl Encoder for BytesEncoder {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}
