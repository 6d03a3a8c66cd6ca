//! Clients that dawdle, go silent or send too much: they lose their connection, and nobody else notices.

use std::time::Duration;

use nbbang::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, world_with};

const GET: &[u8] = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";

fn impatient(config: &mut Config) {
    config.patience.head = Duration::from_millis(300);
    config.patience.body = Duration::from_millis(300);
    config.patience.idle = Duration::from_millis(300);
}

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.base.trim_start_matches("http://")).await.unwrap()
}

/// What the server says until it ends the connection.
async fn rest(mut socket: TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end too.
    drop(socket.read_to_end(&mut said).await);
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn half_a_head_ends_the_connection() {
    world_with(impatient, |world| async move {
        let mut socket = connect(&world).await;
        socket.write_all(b"GET /livez HTTP/1.1\r\nhost: a\r\n").await.unwrap();
        let said = rest(socket).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
    })
    .await;
}

#[tokio::test]
async fn a_head_that_drips_ends_the_connection_too() {
    world_with(impatient, |world| async move {
        let (mut read, mut write) = connect(&world).await.into_split();
        let drip = async {
            write.write_all(b"GET /livez HTTP/1.1\r\nx: ").await.unwrap();
            let mut drop = tokio::time::interval(Duration::from_millis(20));
            while write.write_all(b"x").await.is_ok() {
                drop.tick().await;
            }
        };
        let mut said = Vec::new();
        tokio::select! {
            () = drip => {}
            _ = read.read_to_end(&mut said) => {}
        }
        let said = String::from_utf8_lossy(&said);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_idles_is_ended_after_its_answer() {
    world_with(impatient, |world| async move {
        let mut socket = connect(&world).await;
        socket.write_all(GET).await.unwrap();
        let said = rest(socket).await;
        assert!(said.starts_with("HTTP/1.1 204 ") || said.starts_with("HTTP/1.1 200 "), "{said}");
    })
    .await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    world_with(
        |_| (),
        |world| async move {
            let (mut read, mut write) = connect(&world).await.into_split();
            let flood = async {
                write.write_all(b"GET /livez HTTP/1.1\r\nx: ").await.unwrap();
                let much = vec![b'x'; 65536];
                // 64 MiB at most.
                for _ in 0..1024 {
                    if write.write_all(&much).await.is_err() {
                        return true;
                    }
                }
                false
            };
            let mut said = Vec::new();
            let ended = tokio::select! {
                ended = flood => ended,
                _ = read.read_to_end(&mut said) => true,
            };
            assert!(ended, "the server takes whatever comes");
            let said = String::from_utf8_lossy(&said);
            assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_thousand_who_only_hold_a_connection_keep_nobody_out() {
    world_with(
        |_| (),
        |world| async move {
            let mut held = Vec::new();
            for n in 0..1000 {
                let mut socket = connect(&world).await;
                if n % 2 == 0 {
                    socket.write_all(b"POST /v1/parties HTTP/1.1\r\ncontent-length: 60000\r\n").await.unwrap();
                }
                held.push(socket);
            }
            world.get("/livez").await.expect(200);
            world.person("mina").await.get("/v1/me").await.expect(200);
        },
    )
    .await;
}
