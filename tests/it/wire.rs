//! A wire between a process and its Redis, that a test can cut: Redis lives on, and keeps what it has.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Wire {
    pub url: String,
    cut: watch::Sender<bool>,
}

impl Wire {
    pub async fn to(redis: &str) -> Self {
        let redis = redis.trim_start_matches("redis://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let (cut, is_cut) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (mut is_cut, redis) = (is_cut.clone(), redis.clone());
                if *is_cut.borrow_and_update() {
                    continue;
                }
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(redis).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_cut.changed() => {}
                    }
                });
            }
        });
        Self { url, cut }
    }

    /// Ends what is connected; whoever connects from now on is turned away.
    pub async fn cut(&self) {
        self.cut.send_replace(true);
        // Until the other end has noticed: nothing tells when, so it is given some turns.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }
}
