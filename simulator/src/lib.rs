//! The providers nbbang talks to, played on one port: one module per provider, and the strings to pull at under `/__sim`.

pub mod app_store;
pub mod clock;
mod control;
pub mod faults;
pub mod http;
pub mod ids;
pub mod journal;
mod kakao;
mod login;
mod page;
pub mod push;
pub mod toss;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;

use app_store::AppStore;
use clock::Clock;
use faults::Faults;
use http::{Answer, Request, Response};
use journal::Journal;
use login::{Issuer, Login};
use push::Push;
use toss::Toss;

/// A bound simulator, not yet serving.
pub struct Simulator {
    listener: TcpListener,
    address: SocketAddr,
    world: Arc<World>,
}

impl Simulator {
    /// Opens `listen` (port 0 picks one). The error is a sentence for people.
    pub async fn bind(listen: &str, webhook_base: &str) -> Result<Self, String> {
        Self::bind_as(None, listen, webhook_base).await
    }

    /// As `bind`, reached by others at `public_url`.
    pub async fn bind_as(public_url: Option<&str>, listen: &str, webhook_base: &str) -> Result<Self, String> {
        let listener = TcpListener::bind(listen).await.map_err(|e| cannot_listen(listen, &e))?;
        let address = listener.local_addr().map_err(|e| cannot_listen(listen, &e))?;
        let own = format!("http://{address}");
        let world = World::new(webhook_base, public_url.unwrap_or(&own).trim_end_matches('/'))?;
        Ok(Self { listener, address, world: Arc::new(world) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes what nbbang needs to believe this App Store and to ask it, `root.der` and `api-key.p8`, and to push: `apns-key.p8` and
    /// `service-account.json`.
    pub fn write_files(&self, folder: &Path) -> Result<(), String> {
        let (store, push) = (&self.world.app_store, &self.world.push);
        let files = [
            ("root.der", store.root_der()),
            ("api-key.p8", store.api_key_pem().into_bytes()),
            ("apns-key.p8", push.apns_key_pem().into_bytes()),
            ("service-account.json", push.service_account()?.into_bytes()),
        ];
        for (name, content) in files {
            let file = folder.join(name);
            std::fs::write(&file, content).map_err(|e| format!("{} cannot be written: {e}.", file.display()))?;
        }
        Ok(())
    }

    /// Serves until dropped.
    pub async fn run(self) {
        let world = Arc::clone(&self.world);
        tokio::join!(
            http::serve(self.listener, move |request| route(Arc::clone(&world), request)),
            toss::deliver_webhooks(Arc::clone(&self.world)),
            app_store::deliver(Arc::clone(&self.world)),
        );
    }
}

/// Everything the simulated providers know, in memory.
pub struct World {
    pub clock: Clock,
    pub faults: Mutex<Faults>,
    pub journal: Mutex<Journal>,
    pub app_store: AppStore,
    pub toss: Toss,
    login: Login,
    push: Push,
    webhook_base: Mutex<String>,
}

impl World {
    fn new(webhook_base: &str, url: &str) -> Result<Self, String> {
        Ok(Self {
            clock: Clock::default(),
            faults: Mutex::default(),
            journal: Mutex::default(),
            app_store: AppStore::new(url)?,
            toss: Toss::new()?,
            login: Login::default(),
            push: Push::new(url)?,
            webhook_base: Mutex::new(webhook_base_of(webhook_base)?),
        })
    }

    fn webhook_base(&self) -> String {
        lock(&self.webhook_base).clone()
    }

    fn set_webhook_base(&self, url: &str) -> Result<(), String> {
        *lock(&self.webhook_base) = webhook_base_of(url)?;
        Ok(())
    }
}

/// The guarded thing, also after some thread panicked with it: no invariant here spans two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn route(world: Arc<World>, request: Request) -> Answer {
    let segments = request.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [] | [""] if request.method == "GET" => page::index().into(),
        ["__sim", rest @ ..] => control::answer(&world, &request, rest).into(),
        ["toss", rest @ ..] => toss::answer(&world, &request, rest).await,
        ["kakao", rest @ ..] => kakao::answer(&world, &request, rest).await,
        ["apple-login", rest @ ..] => login::answer(&world, &request, Issuer::Apple, rest).await,
        ["app-store", "ocsp"] => app_store::responder(&world, &request).await,
        ["app-store", "inApps", rest @ ..] => app_store::answer(&world, &request, "Production", rest).await,
        ["app-store-sandbox", "inApps", rest @ ..] => app_store::answer(&world, &request, "Sandbox", rest).await,
        ["apns", rest @ ..] => push::apns(&world, &request, rest).await,
        ["fcm", rest @ ..] => push::fcm(&world, &request, rest).await,
        ["kakao-login", rest @ ..] => login::answer(&world, &request, Issuer::Kakao, rest).await,
        _ => Response::message(404, "Nothing is here; GET / says what is.").into(),
    }
}

fn webhook_base_of(url: &str) -> Result<String, String> {
    let trimmed = url.trim_end_matches('/');
    let parsed = reqwest::Url::parse(trimmed).map_err(|e| format!("The webhook base {url:?} is no URL: {e}."))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(format!("The webhook base {url:?} has to be http://HOST:PORT, with no query."));
    }
    Ok(trimmed.to_owned())
}

fn cannot_listen(listen: &str, error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::AddrInUse {
        format!("{listen} is in use by another program: stop that one, or give another address with --listen.")
    } else {
        format!("The simulator cannot listen on {listen:?}: {error}.")
    }
}
