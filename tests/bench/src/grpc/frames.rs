//! Messages as gRPC puts them into a stream of bytes: a flag for compression, a length, the message.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

const HEAD: usize = 5;

/// What was received and not yet taken out. Messages are slices of it, copied only where one began in the bytes before.
#[derive(Default)]
pub(super) struct Frames(Bytes);

pub(super) fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEAD + message.encoded_len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).expect("a small message"));
    message.encode(&mut bytes).expect("room for it");
    bytes.freeze()
}

// === impl Frames ===

impl Frames {
    pub(super) fn push(&mut self, data: Bytes) {
        if self.0.is_empty() {
            self.0 = data;
            return;
        }
        let mut joined = BytesMut::with_capacity(self.0.len() + data.len());
        joined.put(std::mem::take(&mut self.0));
        joined.put(data);
        self.0 = joined.freeze();
    }

    /// The next message, if all of it is there.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let length = usize::try_from((self.0.get(1..HEAD)?).get_u32()).ok()?;
        if self.0.len() < HEAD + length {
            return None;
        }
        self.0.advance(HEAD);
        Some(self.0.split_to(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_wherever_the_bytes_were_cut() {
        let bytes: Bytes =
            [framed(&"first".to_owned()), framed(&String::new()), framed(&"third".to_owned())].concat().into();
        for cut in 0..bytes.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for part in [bytes.slice(..cut), bytes.slice(cut..)] {
                frames.push(part);
                found.extend(std::iter::from_fn(|| frames.pop()));
            }
            let texts: Vec<_> = found.into_iter().map(|text| String::decode(text).expect("a text")).collect();
            assert_eq!(texts, ["first", "", "third"], "cut at {cut}");
        }
    }
}
