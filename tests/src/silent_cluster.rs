//! A Kubernetes API that takes every request and answers none: whoever works against it stays at work. Only to
//! the question which cluster it is does it answer: that it does not say.

use std::sync::{Arc, Mutex, PoisonError};

use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::cluster::kubeconfig_of;

const NOT_SAID: &str = concat!(
    "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 87\r\n\r\n",
    r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404  }"#
);

/// One such cluster, with a kubeconfig of its own, so that a test knows which server it hears.
pub struct SilentCluster {
    kubeconfig: NamedTempFile,
    heard: Arc<Mutex<Vec<String>>>,
    hung_up: watch::Sender<()>,
    server: JoinHandle<()>,
}

// === impl SilentCluster ===

impl SilentCluster {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let hung_up = watch::Sender::new(());
        let (kept, closing) = (heard.clone(), hung_up.clone());
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, kept.clone(), closing.subscribe()));
            }
        });
        let kubeconfig = kubeconfig_of(&url);
        Self { kubeconfig, heard, hung_up, server }
    }

    pub fn kubeconfig(&self) -> &str {
        self.kubeconfig.path().to_str().expect("a plain path")
    }

    /// How many requests named `text` in their path.
    pub fn requests(&self, text: &str) -> usize {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().filter(|line| line.contains(text)).count()
    }

    /// Ends every connection: who waits for an answer has a failure to record. Later ones are kept again.
    pub fn hang_up(&self) {
        self.hung_up.send_replace(());
    }
}

impl Drop for SilentCluster {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(connection: TcpStream, heard: Arc<Mutex<Vec<String>>>, mut hung_up: watch::Receiver<()>) {
    let (reader, mut writer) = connection.into_split();
    let mut lines = BufReader::new(reader).lines();
    let listen = async {
        let mut asks_which = false;
        while let Ok(Some(line)) = lines.next_line().await {
            if line.ends_with("HTTP/1.1") {
                asks_which = line.contains("/namespaces/kube-system ");
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            } else if line.is_empty() && asks_which {
                writer.write_all(NOT_SAID.as_bytes()).await?;
            }
        }
        Ok::<_, std::io::Error>(())
    };
    tokio::select! {
        _ = listen => {}
        _ = hung_up.changed() => {}
    }
}
