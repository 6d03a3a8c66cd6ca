//! Following what happens in a party, live. The databases have every step in its order; a ring only says where to look, and each
//! process looks once for all who follow a party there.

mod hub;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::{App, clock, messages, reads};
use crate::domain::error::Result;
use crate::domain::event::{Step, What};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;
use crate::storage::cache::Ring;
use crate::storage::pool::Pool;
use crate::storage::{events as stored, users, using};

use self::hub::Follower;
pub use self::hub::{Events, Told, Viewer};

/// How often it is looked whether a ring was missed, and whether who follows still may.
const LOOK: Duration = Duration::from_secs(2);
/// Steps of a party that are read at a time.
const PAGE: i64 = 500;

/// One who follows a party.
pub struct Following {
    app: Arc<App>,
    pub party_id: Id<Party>,
    pub host_id: Id<User>,
    pub viewer: Arc<Viewer>,
    /// The last step that he has.
    pub seq: i64,
    /// Whether the database may have more than what was passed on since he came.
    is_behind: bool,
    waiting: VecDeque<Arc<Told>>,
    from: Receiver<Arc<Told>>,
    is_over: bool,
}

pub enum Heard {
    Step(Arc<Told>),
    /// Nothing has happened for a while.
    Silence,
}

/// Follows a party from behind a step on; none: from now on. Only what happens while he is a member comes.
pub async fn follow(app: &Arc<App>, viewer: Viewer, party_id: Id<Party>, after: Option<i64>) -> Result<Following> {
    let standing = messages::standing(app, viewer.user_id, party_id).await?;
    let viewer = Arc::new(viewer);
    // From here on nothing is missed: what happened meanwhile is in the database, what comes is passed on.
    let from = app.events.enter(party_id, &viewer, standing.last_seq)?;
    reads::seen(app, party_id, viewer.user_id);
    let began = standing.since.saturating_sub(1).max(0);
    let seq = after.map_or(standing.last_seq, |after| after.min(standing.last_seq).max(began));
    Ok(Following {
        app: Arc::clone(app),
        party_id,
        host_id: standing.host_id,
        viewer,
        seq,
        is_behind: true,
        waiting: VecDeque::new(),
        from,
        is_over: false,
    })
}

impl Following {
    /// What comes next; none when it is over: he is no member any more, may not ask any more, or reads too slowly.
    pub async fn next(&mut self) -> Option<Heard> {
        while !self.is_over {
            let told = match self.waiting.pop_front() {
                Some(told) => told,
                None if self.is_behind => {
                    self.catch_up().await?;
                    continue;
                }
                None => {
                    let silence = self.app.config.patience.silence;
                    let Ok(told) = timeout(silence, self.from.recv()).await else {
                        reads::seen(&self.app, self.party_id, self.viewer.user_id);
                        return Some(Heard::Silence);
                    };
                    told?
                }
            };
            if told.step.seq <= self.seq {
                continue;
            }
            self.seq = told.step.seq;
            self.is_over = told.step.is_last_of(self.viewer.user_id);
            if !told.apart.contains(&self.viewer.user_id) {
                return Some(Heard::Step(told));
            }
        }
        None
    }

    async fn catch_up(&mut self) -> Option<()> {
        let from = [(self.party_id, self.seq)];
        let steps = async {
            let find = |pool: Pool| async move {
                using(&pool, async |conn| stored::after(conn, &from, PAGE).await).await.map(Some)
            };
            let found = self.app.databases.look(self.party_id.shard(), find).await?;
            told(&self.app, found.unwrap_or_default()).await
        };
        let steps =
            steps.await.inspect_err(|error| tracing::warn!(?error, "one who follows a party has to come again"));
        let steps = steps.ok()?;
        self.is_behind = i64::try_from(steps.len()).is_ok_and(|count| count == PAGE);
        self.waiting.extend(steps);
        Some(())
    }
}

/// After the commit: whoever follows the party, here or elsewhere, hears of it.
pub(super) fn happened(app: &App, party: Id<Party>) {
    app.events.ring(party);
    app.cache.ring(party.to_string());
}

/// Passes on, until the last user of `app` is gone.
pub(super) fn run(app: &Arc<App>) {
    let events = Arc::clone(&app.events);
    let mut bell = app.cache.listen();
    let app = Arc::downgrade(app);
    tokio::spawn(async move {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = async {
                match &mut bell {
                    Some(bell) => bell.recv().await,
                    None => std::future::pending().await,
                }
            };
            let is_look = tokio::select! {
                () = events.rung.notified() => false,
                ring = next => match ring {
                    Some(Ring::Word(word)) => {
                        if let Some(party) = Id::parse(&word) {
                            events.ring(party);
                        }
                        false
                    }
                    Some(Ring::Anything) => true,
                    None => return,
                },
                _ = look.tick() => true,
            };
            let Some(app) = app.upgrade() else { return };
            let done = async {
                if is_look {
                    look_around(&app).await?;
                }
                pass_all_on(&app).await
            };
            if let Err(error) = done.await {
                tracing::warn!(?error, "what happens in parties is not passed on; it is tried again");
            }
        }
    });
}

async fn pass_all_on(app: &App) -> Result<()> {
    loop {
        let rung = app.events.take_rung();
        if rung.is_empty() {
            return Ok(());
        }
        for (database, from) in app.databases.by_home(rung, |(party, _)| party.shard())? {
            let steps = using(&database.pool(), async |conn| stored::after(conn, &from, PAGE).await).await?;
            let mut counts: HashMap<Id<Party>, i64> = HashMap::new();
            for step in &steps {
                *counts.entry(step.party_id).or_default() += 1;
            }
            app.events.pass_on(told(app, steps).await?);
            for (party, _) in counts.into_iter().filter(|(_, count)| *count >= PAGE) {
                app.events.ring(party);
            }
        }
    }
}

/// With who keeps apart from whoever speaks: asked after the messages were read, so that a block that came before one counts.
async fn told(app: &App, steps: Vec<Step>) -> Result<Vec<Arc<Told>>> {
    let author = |step: &Step| match &step.what {
        What::Said(message) => Some(message.user_id),
        What::Changed { .. } => None,
    };
    let mut authors: Vec<Id<User>> = steps.iter().filter_map(author).collect();
    authors.sort_unstable();
    authors.dedup();
    let blocks = if authors.is_empty() {
        Vec::new()
    } else {
        using(&app.databases.main(), async |main| users::blocks_among(main, &authors).await).await?
    };
    let apart = |step: &Step| {
        let author = author(step);
        let with = |(one, other): &(Id<User>, Id<User>)| {
            let is_his = |user: &Id<User>| Some(*user) == author;
            if is_his(one) { Some(*other) } else { is_his(other).then_some(*one) }
        };
        blocks.iter().filter_map(with).collect()
    };
    Ok(steps
        .into_iter()
        .map(|step| {
            let apart = apart(&step);
            Told::new(step, apart)
        })
        .collect())
}

/// Finds what no ring has told, and lets go of those who may not follow any more.
async fn look_around(app: &App) -> Result<()> {
    let now = clock::real().unix_timestamp();
    let parties: Vec<Id<Party>> = {
        let mut hub = app.events.hub();
        for topic in hub.topics.values_mut() {
            topic.keep(|Follower { viewer, to }| {
                if to.is_closed() {
                    Some("gone")
                } else if viewer.until <= now {
                    Some("expired")
                } else if app.access.check(viewer.user_id, viewer.session_id).is_err() {
                    Some("kept_out")
                } else {
                    None
                }
            });
        }
        hub.topics.retain(|_, topic| !topic.followers.is_empty());
        hub.topics.keys().copied().collect()
    };
    for (database, parties) in app.databases.by_home(parties, |party| party.shard())? {
        let watched = using(&database.pool(), async |conn| stored::watched(conn, &parties).await).await?;
        let mut hub = app.events.hub();
        for party in watched {
            let Some(topic) = hub.topics.get_mut(&party.party_id) else { continue };
            if party.last_seq > topic.seq {
                // Who has left sees it by that.
                hub.rung.insert(party.party_id);
            } else {
                topic.keep(|follower| (!party.members.contains(&follower.viewer.user_id)).then_some("left"));
            }
        }
    }
    Ok(())
}
