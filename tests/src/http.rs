//! One HTTP request, for the ports that are not gRPC.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Status code and body of a GET.
pub async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    get_as(address, &address.to_string(), path).await
}

/// The same, for one host of the many that an Ingress serves.
pub async fn get_as(address: SocketAddr, host: &str, path: &str) -> io::Result<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let (code, _, body) = exchange(address, &request).await?;
    Ok((code, body))
}

/// Status code and headers of the answer to a form that is sent.
pub async fn post_form(address: SocketAddr, host: &str, path: &str, form: &str) -> io::Result<(u16, String)> {
    let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close");
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let request = format!("{head}\r\n{kind}\r\nContent-Length: {}\r\n\r\n{form}", form.len());
    let (code, headers, _) = exchange(address, &request).await?;
    Ok((code, headers))
}

/// Status code, head and body of the answer.
async fn exchange(address: SocketAddr, request: &str) -> io::Result<(u16, String, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let parts = answer.split_once("\r\n\r\n");
    let whole = code.zip(parts).map(|(code, (head, body))| (code, head.to_owned(), body.to_owned()));
    whole.ok_or_else(|| io::Error::other("not HTTP"))
}

/// A path as tonic wants it.
pub fn path(path: &'static str) -> http::uri::PathAndQuery {
    http::uri::PathAndQuery::from_static(path)
}
