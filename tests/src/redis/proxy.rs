//! A TCP proxy before Redis that misbehaves at the k-th command.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What happens at the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The connection ends; the command does not get there.
    Before,
    /// The command is executed, and the connection ends without an answer.
    After,
    /// As `After`, and nobody is let in until [`RedisProxy::open`].
    AfterAndShut,
    /// The command is executed twice, and the second answer is passed on.
    Twice,
    /// The command, and all behind it on this connection, get nowhere; the connection stays.
    Swallow,
    /// The command waits for [`RedisProxy::deliver`] on its way, and all behind it on this connection with it.
    Late,
}

/// A proxy before one Redis. All commands of all connections are counted together.
pub struct RedisProxy {
    port: u16,
    plan: Arc<Mutex<Plan>>,
    door: Arc<watch::Sender<Door>>,
    post: Arc<watch::Sender<Post>>,
    redis: Arc<watch::Sender<u16>>,
    server: JoinHandle<()>,
}

/// Where a command is that comes late.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Post {
    Kept,
    Sent,
    /// It was executed.
    Delivered,
}

/// Whether commands get through on new connections.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    Shut,
}

#[derive(Default)]
struct Plan {
    /// Commands left until the cut, and which.
    next: Option<(usize, Cut)>,
}

// === impl RedisProxy ===

impl RedisProxy {
    pub async fn start(redis_port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let plan: Arc<Mutex<Plan>> = Arc::default();
        let door = Arc::new(watch::Sender::new(Door::Open));
        let redis = Arc::new(watch::Sender::new(redis_port));
        let post = Arc::new(watch::Sender::new(Post::Kept));
        let shared = (plan.clone(), door.clone(), post.clone(), redis.clone());
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (plan, door, post, redis) = shared.clone();
                // How a connection ends is for its two ends to notice.
                connections.spawn(async move { serve(client, &redis, &plan, &door, &post).await.unwrap_or_default() });
            }
        });
        Self { port, plan, door, post, redis, server }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Does `cut` to the `k`-th command from now, once; the first is 1.
    pub fn arm(&self, k: usize, cut: Cut) {
        lock(&self.plan).next = Some((k, cut));
    }

    /// Leads to another Redis from now on; connections to the old one end.
    pub fn redirect(&self, redis_port: u16) {
        self.redis.send_replace(redis_port);
    }

    /// Lets commands through again.
    pub fn open(&self) {
        self.door.send_replace(Door::Open);
    }

    /// Whether the cut has happened.
    pub fn met(&self) -> bool {
        lock(&self.plan).next.is_none()
    }

    /// Sends the command on that is late, and waits until it was executed.
    pub async fn deliver(&self) {
        self.post.send_if_modified(|post| {
            let kept = *post == Post::Kept;
            if kept {
                *post = Post::Sent;
            }
            kept
        });
        // It fails only when the proxy is gone.
        let _ = self.post.subscribe().wait_for(|post| *post == Post::Delivered).await;
    }

    /// Whether the cut has happened; it does not happen any more after this.
    pub fn disarm(&self) -> bool {
        lock(&self.plan).next.take().is_none()
    }
}

impl Drop for RedisProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

// === impl Plan ===

impl Plan {
    /// Counts one command.
    fn due(&mut self) -> Option<Cut> {
        let (left, cut) = self.next.as_mut()?;
        *left -= 1;
        let (left, cut) = (*left, *cut);
        (left == 0).then(|| {
            self.next = None;
            cut
        })
    }
}

fn lock(plan: &Mutex<Plan>) -> std::sync::MutexGuard<'_, Plan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    mut client: TcpStream,
    address: &watch::Sender<u16>,
    plan: &Mutex<Plan>,
    door: &watch::Sender<Door>,
    post: &watch::Sender<Post>,
) -> io::Result<()> {
    // It fails only when the proxy is gone.
    let _ = door.subscribe().wait_for(|door| *door == Door::Open).await;
    let mut address = address.subscribe();
    let redis_port = *address.borrow_and_update();
    let mut redis = TcpStream::connect(("127.0.0.1", redis_port)).await?;
    client.set_nodelay(true)?;
    redis.set_nodelay(true)?;
    let (mut read, mut answer) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            count = client.read_buf(&mut read) => {
                if count? == 0 {
                    return Ok(());
                }
                while let Some(length) = command_length(&read) {
                    let command: Vec<u8> = read.drain(..length).collect();
                    let due = lock(plan).due();
                    match due {
                        None => redis.write_all(&command).await?,
                        Some(Cut::Before) => return Ok(()),
                        Some(cut @ (Cut::After | Cut::AfterAndShut)) => {
                            redis.write_all(&command).await?;
                            // An answer says that it was executed; nobody else's can be on its way here, because the
                            // test has no other call under way.
                            redis.readable().await?;
                            if cut == Cut::AfterAndShut {
                                door.send_replace(Door::Shut);
                            }
                            return Ok(());
                        }
                        Some(Cut::Twice) => {
                            execute_apart(&command, redis_port).await?;
                            redis.write_all(&command).await?;
                        }
                        Some(Cut::Swallow) => std::future::pending::<()>().await,
                        Some(Cut::Late) => deliver_late(&command, &mut redis, post).await?,
                    }
                }
            }
            _ = address.changed() => return Ok(()),
            count = redis.read_buf(&mut answer) => {
                if count? == 0 {
                    return Ok(());
                }
                client.write_all(&answer).await?;
                answer.clear();
            }
        }
    }
}

/// Keeps a command until it is sent on, and says when it was executed.
async fn deliver_late(command: &[u8], redis: &mut TcpStream, post: &watch::Sender<Post>) -> io::Result<()> {
    // It fails only when the proxy is gone.
    let _ = post.subscribe().wait_for(|post| *post == Post::Sent).await;
    redis.write_all(command).await?;
    redis.readable().await?;
    post.send_replace(Post::Delivered);
    Ok(())
}

/// Executes a command over a connection of its own, to its end.
async fn execute_apart(command: &[u8], redis_port: u16) -> io::Result<()> {
    let mut redis = TcpStream::connect(("127.0.0.1", redis_port)).await?;
    redis.write_all(command).await?;
    redis.readable().await
}

/// How many bytes the first command has, if it is there as a whole: `*<n>\r\n`, then n times `$<length>\r\n<bytes>\r\n`.
fn command_length(bytes: &[u8]) -> Option<usize> {
    let (count, mut at) = header(bytes, 0, b'*')?;
    for _ in 0..count {
        let (length, begin) = header(bytes, at, b'$')?;
        at = begin + length + 2;
    }
    (at <= bytes.len()).then_some(at)
}

/// The number of the header line at `at`, and where what follows begins.
fn header(bytes: &[u8], at: usize, sign: u8) -> Option<(usize, usize)> {
    let rest = bytes.get(at..)?;
    let end = rest.windows(2).position(|two| two == b"\r\n")?;
    assert_eq!(rest[0], sign, "not the protocol of Redis");
    let number = std::str::from_utf8(&rest[1..end]).ok()?.parse().ok()?;
    Some((number, at + end + 2))
}
