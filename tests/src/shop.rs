//! A shop through the Ingress, as a browser sees it.

use std::net::SocketAddr;

use crate::http;

/// Status code and body of a page.
pub async fn visit(url: &str, path: &str) -> (u16, String) {
    let (host, address) = place(url);
    http::get_as(address, &host, path).await.expect("an answer")
}

/// Whether the shop's login form lets somebody in; any answer but a clear one is a failure.
pub async fn lets_in(url: &str, user: &str, password: &str) -> bool {
    let (host, address) = place(url);
    let form = format!("log={user}&pwd={password}&wp-submit=Log+In");
    let (code, head) = http::post_form(address, &host, "/wp-login.php", &form).await.expect("an answer");
    let inside = head.contains("wordpress_logged_in_");
    assert_eq!(code, if inside { 302 } else { 200 }, "{head}");
    inside
}

/// Host of a shop, and where the Ingress listens on this machine.
fn place(url: &str) -> (String, SocketAddr) {
    let (host, port) = url.trim_start_matches("http://").split_once(':').expect("a port");
    (host.to_owned(), SocketAddr::from(([127, 0, 0, 1], port.parse().expect("a port"))))
}
