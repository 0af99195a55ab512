//! Calls as a browser makes them: over HTTP/1.1, and without a client that has deadlines of its own.

use std::net::SocketAddr;

use prost::Message;
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// The connection, once the call was sent.
pub async fn call(server: SocketAddr, method: &str, message: &impl Message, header: &str) -> TcpStream {
    call_as(server, "localhost", method, message, header).await
}

/// The same, by a name that the browser has for the server.
pub async fn call_as(server: SocketAddr, host: &str, method: &str, message: &impl Message, header: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server).await.expect("connect");
    stream.write_all(&request(host, method, message, header)).await.expect("send");
    stream
}

/// What is sent for such a call.
pub fn request(host: &str, method: &str, message: &impl Message, header: &str) -> Vec<u8> {
    let message = message.encode_to_vec();
    let mut body = vec![0];
    body.extend(u32::try_from(message.len()).expect("short").to_be_bytes());
    body.extend(&message);
    let head = format!(
        "POST /sendstores.v1.StoreService/{method} HTTP/1.1\r\nHost: {host}\r\n\
         Content-Type: application/grpc-web+proto\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}
