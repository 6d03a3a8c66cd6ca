//! A network between us and a server, which can swallow and refuse.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

const CARRIES: u8 = 0;
/// Connections are accepted and get no word.
const SILENT: u8 = 1;

pub struct Network {
    pub address: SocketAddr,
    server: String,
    /// Of new connections.
    mood: Arc<AtomicU8>,
    /// Shared by the connections of this moment: whether they have gone silent.
    present: Arc<arc_swap::ArcSwap<AtomicU8>>,
    accepting: Mutex<Option<JoinHandle<()>>>,
    carrying: Carrying,
}

type Carrying = Arc<std::sync::Mutex<Vec<JoinHandle<()>>>>;

fn lock(carrying: &Carrying) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
    carrying.lock().unwrap()
}

impl Network {
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Self::refusing(listener.local_addr().unwrap(), server);
        network.listens(listener).await;
        network
    }

    /// One that refuses until it heals, at an address of the caller's choice.
    pub fn refusing(address: SocketAddr, server: &str) -> Self {
        Self {
            address,
            server: server.to_owned(),
            mood: Arc::new(AtomicU8::new(CARRIES)),
            present: Arc::new(arc_swap::ArcSwap::from_pointee(AtomicU8::new(CARRIES))),
            accepting: Mutex::new(None),
            carrying: Carrying::default(),
        }
    }

    async fn listens(&self, listener: TcpListener) {
        let (server, mood, present) = (self.server.clone(), Arc::clone(&self.mood), Arc::clone(&self.present));
        let carrying = Arc::clone(&self.carrying);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                match mood.load(Ordering::SeqCst) {
                    CARRIES => {
                        // A server that is down refuses through us too.
                        let Ok(server) = TcpStream::connect(&server).await else {
                            drop(client.set_zero_linger());
                            continue;
                        };
                        let (client_reads, client_writes) = client.into_split();
                        let (server_reads, server_writes) = server.into_split();
                        let there = tokio::spawn(carry(client_reads, server_writes, present.load_full()));
                        let back = tokio::spawn(carry(server_reads, client_writes, present.load_full()));
                        lock(&carrying).extend([there, back]);
                    }
                    _ => drop(tokio::spawn(async move {
                        let _open = client;
                        std::future::pending::<()>().await;
                    })),
                }
            }
        });
        *self.accepting.lock().await = Some(accepting);
    }

    /// From now on the present connections carry nothing, not even an end; later ones work.
    pub fn swallow(&self) {
        self.present.swap(Arc::new(AtomicU8::new(CARRIES))).store(SILENT, Ordering::SeqCst);
    }

    /// The present connections and all new ones carry nothing.
    pub fn blackhole(&self) {
        self.mood.store(SILENT, Ordering::SeqCst);
        self.swallow();
    }

    /// Nobody listens any more, and the present connections end.
    pub async fn refuse(&self) {
        if let Some(accepting) = self.accepting.lock().await.take() {
            accepting.abort();
            drop(accepting.await);
        }
        for carrying in lock(&self.carrying).drain(..) {
            carrying.abort();
        }
    }

    /// New connections work again.
    pub async fn heals(&self) {
        self.mood.store(CARRIES, Ordering::SeqCst);
        if self.accepting.lock().await.is_none() {
            self.listens(TcpListener::bind(self.address).await.unwrap()).await;
        }
    }
}

async fn carry(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, mood: Arc<AtomicU8>) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if mood.load(Ordering::SeqCst) == CARRIES && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    // Not even an end of the connection gets through.
    if mood.load(Ordering::SeqCst) == SILENT {
        std::future::pending::<()>().await;
    }
}
