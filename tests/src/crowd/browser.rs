//! One person's browser: a connection that is kept, cookies, and the token of a cart.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinSet, time::timeout};

use super::{
    Storefront,
    tally::{Fault, Kind, Tally},
};

/// Bytes of one answer that are read at most.
const MOST: usize = 8 << 20;
/// Characters of an answer that a failure shows.
const QUOTED: usize = 200;

const CART_TOKEN: &str = "cart-token";

pub(super) struct Browser {
    storefront: Storefront,
    patience: Duration,
    tally: Arc<Tally>,
    cookies: BTreeMap<String, String>,
    cart_token: Option<String>,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// Moves the bytes of the connection; ends with the browser.
    driver: JoinSet<()>,
}

/// One request, and the status code that belongs to it.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Option<Value>,
    pub(super) expect: u16,
}

// === impl Ask ===

impl<'a> Ask<'a> {
    pub(super) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, body: None, expect: 200 }
    }

    pub(super) fn post(path: &'a str, body: Value, expect: u16) -> Self {
        Self { method: Method::POST, path, body: Some(body), expect }
    }
}

// === impl Browser ===

impl Browser {
    pub(super) fn new(storefront: Storefront, patience: Duration, tally: Arc<Tally>) -> Self {
        let (cookies, driver) = (BTreeMap::new(), JoinSet::new());
        Self { storefront, patience, tally, cookies, cart_token: None, connection: None, driver }
    }

    /// Makes a request, and reads from its answer what the person goes on with. `None`: it failed, which is counted, or the
    /// crowd is over.
    pub(super) async fn ask<T>(&mut self, ask: Ask<'_>, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        if !self.tally.begin() {
            return None;
        }
        let began = Instant::now();
        let answered = timeout(self.patience, self.send(&ask)).await;
        let text = answered.unwrap_or_else(|_| Err(Fault::new(Kind::TimedOut, format!("{:?}", self.patience))));
        let found = text.and_then(|text| read(&text).ok_or_else(|| Fault::new(Kind::Content, quoted(&text))));
        if found.is_err() {
            self.connection = None;
        }
        self.tally.end(&ask.method, ask.path, began, found.as_ref().err().cloned());
        found.ok()
    }

    async fn send(&mut self, ask: &Ask<'_>) -> Result<String, Fault> {
        self.connect().await.map_err(|error| {
            let refused = error.kind() == io::ErrorKind::ConnectionRefused;
            Fault::new(if refused { Kind::Refused } else { Kind::Broken }, error.to_string())
        })?;
        let request = self.request(ask).map_err(broken)?;
        let connection = self.connection.as_mut().ok_or_else(|| Fault::new(Kind::Broken, "no connection"))?;
        let (head, body) = connection.send_request(request).await.map_err(broken)?.into_parts();
        let body = Limited::new(body, MOST).collect().await.map_err(broken)?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        self.remember(&head.headers);
        match head.status.as_u16() == ask.expect {
            true => Ok(text),
            false => Err(Fault::new(Kind::Status, format!("{}: {}", head.status.as_u16(), quoted(&text)))),
        }
    }

    /// Opens a connection, unless the one of before can be used again.
    async fn connect(&mut self) -> io::Result<()> {
        if let Some(connection) = &mut self.connection
            && connection.ready().await.is_ok()
        {
            return Ok(());
        }
        let stream = TcpStream::connect(self.storefront.address).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        self.driver.shutdown().await;
        self.driver.spawn(async move {
            // Its error is that of the request under way.
            let _ = connection.await;
        });
        self.connection = Some(sender);
        Ok(())
    }

    fn request(&self, ask: &Ask<'_>) -> http::Result<Request<Full<Bytes>>> {
        let mut request =
            Request::builder().method(&ask.method).uri(ask.path).header(header::HOST, &self.storefront.host);
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        if let Some(token) = &self.cart_token {
            request = request.header(CART_TOKEN, token);
        }
        let Some(body) = &ask.body else { return request.body(Full::default()) };
        request.header(header::CONTENT_TYPE, "application/json").body(Full::from(body.to_string()))
    }

    fn remember(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = cookie.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else { continue };
            match value.trim() {
                // PHP takes a cookie back by this word.
                "" | "deleted" => self.cookies.remove(name.trim()),
                value => self.cookies.insert(name.trim().to_owned(), value.to_owned()),
            };
        }
        // Each answer may renew it.
        let token = headers.get(CART_TOKEN).and_then(|token| token.to_str().ok());
        self.cart_token = token.map(str::to_owned).or_else(|| self.cart_token.take());
    }
}

fn broken(error: impl std::fmt::Display) -> Fault {
    Fault::new(Kind::Broken, error.to_string())
}

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}
