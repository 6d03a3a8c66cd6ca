//! The use cases, and what all of them share: settings, databases, ids and the clock.

pub mod access;
pub mod app_store_api;
pub mod app_store_history;
pub mod areas;
pub mod auth;
pub mod books;
pub mod boosts;
pub mod cached;
pub mod clock;
pub mod devices;
pub mod entitlements;
pub mod erasure;
pub mod events;
pub mod export;
pub mod hints;
pub mod hosting;
pub mod ids;
pub mod invitations;
pub mod keys;
pub mod limits;
pub mod location_uses;
pub mod messages;
pub mod news;
pub mod operators;
pub mod orders;
pub mod parties;
pub mod payments;
pub mod pictures;
pub mod places;
pub mod preferences;
pub mod purchases;
pub mod pushes;
pub mod reads;
pub mod refunds;
pub mod relay;
pub mod reports;
pub mod retention;
pub mod search;
pub mod store;
pub mod trust;
pub mod users;
mod vault;
pub mod wordlists;

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use crate::app::access::Access;
use crate::app::clock::Clock;
use crate::app::events::Events;
use crate::app::ids::Ids;
use crate::app::keys::Keys;
use crate::app::limits::Limits;
use crate::app::location_uses::LocationUses;
use crate::app::news::News;
use crate::app::pictures::Pictures;
use crate::app::pushes::Pushers;
use crate::app::reads::Reads;
use crate::app::store::Store;
use crate::app::vault::Vault;
use crate::config::{self, Config};
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Shard;
use crate::domain::wordlist::WordList;
use crate::storage::cache::{self, Cache};
use crate::storage::databases::{self, Databases};
use crate::storage::migrate;
use crate::upstream::apple_login::AppleLogin;
use crate::upstream::kakao_local::KakaoLocal;
use crate::upstream::kakao_login::KakaoLogin;
use crate::upstream::toss::Toss;

pub use crate::storage::cache::Entry;
pub use crate::storage::idempotency::Key;

/// How long the end waits for work that is going on.
const LAST_WORK: Duration = Duration::from_secs(15);

pub struct App {
    pub config: Config,
    pub databases: Arc<Databases>,
    pub cache: Cache,
    pub ids: Ids,
    pub clock: Clock,
    pub keys: Keys,
    pub access: Access,
    limits: Limits,
    vault: Vault,
    toss: Toss,
    kakao: Arc<KakaoLocal>,
    /// None: not offered.
    apple_login: Option<AppleLogin>,
    kakao_login: Option<KakaoLogin>,
    /// None: nothing is sold.
    store: Option<Store>,
    /// None: nobody is told anything.
    pushers: Option<Pushers>,
    /// What nobody may say to others.
    words: WordList,
    location_uses: LocationUses,
    pub pictures: Pictures,
    pub news: News,
    pub events: Arc<Events>,
    reads: Reads,
    tasks: Tasks,
}

/// What goes on when the request that began it is gone; it ends before the process does.
struct Tasks {
    runtime: Handle,
    tracker: TaskTracker,
}

impl App {
    /// Connects to what nothing works without; what stands in the way is told in a sentence.
    pub async fn start(config: Config) -> Result<Arc<Self>, String> {
        let files = config::keys::load(&config).map_err(|mistakes| mistakes.join("\n"))?;
        let jwt: Vec<&[u8]> = files.jwt.iter().map(ExposeSecret::expose_secret).collect();
        let keys = Keys::from_pkcs8(&jwt)?;
        let data: Vec<[u8; 32]> = files.data.iter().map(|key| *key.expose_secret()).collect();
        let vault = Vault::new(&data).ok_or("NBBANG_DATA_KEY_FILES names no key. Name one at least.")?;
        let databases = Arc::new(config.storage.databases()?);
        migrate::ready(&databases).await?;
        let told = |error: Error| error.internal.unwrap_or_else(|| error.code.word().to_owned());
        let toss = Toss::new(&config.toss.base_url, &config.toss.secret_key).map_err(told)?;
        let kakao = KakaoLocal::new(&config.kakao.base_url, &config.kakao.rest_api_key).map_err(told)?;
        let kakao = Arc::new(kakao);
        let apple_login = auth::apple_login(&config.apple_login, files.apple_login.as_ref()).map_err(told)?;
        let kakao_login = auth::kakao_login(&config.kakao_login).map_err(told)?;
        let store = Store::open(&config, files.app_store_api.as_ref())?;
        let pushers = pushes::open(&config, &files).map_err(told)?;
        let words = wordlists::open(&config)?;
        databases.load_map().await.map_err(told)?;
        let ids = Ids::start(Arc::clone(databases.main_database()), clock::real_ms).await.map_err(told)?;
        let clock = Clock::load(&databases.main()).await.map_err(told)?;
        databases.watch();
        let cache = Cache::start(cache::Settings {
            url: config.storage.redis_url.as_ref().map(ExposeSecret::expose_secret),
            bulkhead: databases::most_connections() / 2,
            audit_every: 1000,
            now: clock::real_unix_ms,
            random: || random().as_u128(),
        })
        .await?;
        let tasks = Tasks { runtime: Handle::current(), tracker: TaskTracker::new() };
        let news = News::default();
        let access = Access::default();
        access.reload(&databases).await.map_err(told)?;
        let app = Arc::new(Self {
            config,
            databases,
            cache,
            ids,
            clock,
            keys,
            access,
            limits: Limits::default(),
            vault,
            toss,
            kakao,
            apple_login,
            kakao_login,
            store,
            pushers,
            words,
            location_uses: LocationUses::default(),
            pictures: Pictures::default(),
            news,
            events: Arc::default(),
            reads: Reads::default(),
            tasks,
        });
        access::follow(&app);
        location_uses::follow(&app);
        reads::follow(&app);
        events::run(&app);
        Ok(app)
    }

    /// Whether requests can be served: the databases answer and have the tables that this program knows.
    pub async fn ready(&self) -> Result<()> {
        migrate::still_ready(&self.databases).await.map_err(|why| Error::internal(Code::DatabaseUnavailable, why))
    }

    /// Makes ids on a shard; they can be made while a rule is applied, so without waiting.
    fn mint(&self, shard: Shard) -> impl Fn() -> Result<i64> + Sync + '_ {
        move || self.ids.try_next(shard)
    }

    /// Takes over what another process has added to the rules' clock; in prod nobody does.
    pub async fn follow_clock(&self) -> Result<()> {
        if self.config.is_dev() { self.clock.reload(&self.databases.main()).await } else { Ok(()) }
    }

    /// Does work that must not end with the request that began it.
    async fn see_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let done = self.tasks.tracker.spawn_on(work.in_current_span(), &self.tasks.runtime).await;
        done.unwrap_or_else(|error| Err(Error::internal(Code::Internal, error)))
    }

    /// Does work that nobody waits for; it ends before the process does.
    fn go_on(&self, work: impl Future<Output = Result<()>> + Send + 'static) {
        let logged = async {
            if let Err(error) = work.await {
                tracing::warn!(?error, "what was to be done after an answer was not done");
            }
        };
        self.tasks.tracker.spawn_on(logged, &self.tasks.runtime);
    }

    /// Waits for what is going on, writes down what waits for it, gives the id slot back and ends the connections; call it when no more requests come.
    pub async fn stop(&self) {
        self.tasks.tracker.close();
        if timeout(LAST_WORK, self.tasks.tracker.wait()).await.is_err() {
            tracing::warn!("some payments were not seen through; the jobs of the next process do that");
        }
        location_uses::finish(self).await;
        reads::finish(self).await;
        self.ids.stop().await;
        self.databases.close().await;
    }
}

/// Does something again and again, until the last user of `app` is gone or the process ends.
fn every<F>(app: &Arc<App>, pause: Duration, work: impl Fn(Arc<App>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(pause).await;
            let Some(app) = app.upgrade() else { return };
            if app.tasks.tracker.is_closed() {
                return;
            }
            work(app).await;
        }
    });
}

/// Which versions of a thing a change is meant for; none: whichever it is in.
#[derive(Debug, Default)]
pub struct Expected(pub Option<Vec<i64>>);

impl Expected {
    fn check(&self, version: i64) -> Result<()> {
        let meant = self.0.as_ref().is_none_or(|versions| versions.contains(&version));
        if meant { Ok(()) } else { Err(Code::PreconditionFailed.into()) }
    }
}

/// A random number for names that nobody can guess.
#[expect(clippy::disallowed_methods, reason = "the one source of randomness for the floors below")]
pub fn random() -> Uuid {
    Uuid::new_v4()
}

/// Bytes that nobody can guess, for keys and tokens.
pub fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|e| Error::internal(Code::Internal, e))?;
    Ok(bytes)
}
