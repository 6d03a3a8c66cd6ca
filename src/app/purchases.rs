//! What is done with what Apple has signed: a purchase is claimed by its buyer, a notification is kept and followed.

use sqlx::PgConnection;

use crate::app::entitlements::{self, Entitlements};
use crate::app::store::Store;
use crate::app::{App, Key};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::purchase::claim::{Claim, claim, counts};
use crate::domain::purchase::grant::{self, Grant};
use crate::domain::purchase::subscription::{self, Period, Renewal};
use crate::domain::purchase::{Effect, Grants, Product, Subscription, Subtype};
use crate::domain::user::User;
use crate::storage::purchases::{Known, Notice, Original};
use crate::storage::tx::Tx;
use crate::storage::{idempotency, patiently, purchases, testers, users};
use crate::upstream::app_store::{Notification, Rejection, RenewalInfo, Transaction};

/// Apple's ids are some 20 digits, its words some 30 letters.
const LONGEST: usize = 100;

/// What the caller has after his purchase, and whether this is the answer to an earlier try of the same command.
pub struct Bought {
    pub entitlements: Entitlements,
    pub replayed: bool,
}

/// Everything that is for sale.
pub fn products(app: &App) -> Result<&[Product]> {
    Ok(store(app)?.catalogue.products())
}

/// Gives the caller what he has bought, once, whoever hands it in how often. It needs no notification.
pub async fn buy(app: &App, user: Id<User>, signed: &str, key: &Key<'_>) -> Result<Bought> {
    patiently(buy_in_time(app, user, signed, key)).await
}

async fn buy_in_time(app: &App, user_id: Id<User>, signed: &str, key: &Key<'_>) -> Result<Bought> {
    let (store, now) = (store(app)?, app.clock.now());
    let verified = store.verifier.verify_transaction(signed, now);
    let mut tx = Tx::begin(&app.databases.main()).await?;
    let user = users::find(&mut tx, user_id).await?.ok_or(Code::Unauthenticated)?;
    // What was done already is answered even if it could not be done again.
    if let Some(entitlements) = idempotency::begin(&mut tx, user_id, key, now).await? {
        return Ok(Bought { entitlements, replayed: true });
    }
    let transaction = verified.map_err(refused)?;
    let told = Told::of(store, &transaction, None, Effect::Follow, transaction.signed_at());
    let told = told.ok_or_else(|| unfit("it is of nothing that we sell, or has what no purchase has"))?;
    if !counts(transaction.environment(), testers::is_one(&mut tx, user_id).await?, app.config.sandbox_for_all) {
        return Err(Code::NotATester.into());
    }
    let known = purchases::lock(&mut tx, told.original(), &told.product.product_id, now).await?;
    match claim((user.id, user.app_account_token), transaction.app_account_token, known.owner) {
        Claim::First => purchases::bind(&mut tx, told.original(), user_id).await?,
        Claim::Again => {}
        Claim::Another => return Err(Code::PurchaseTaken.into()),
    }
    let changed = told.apply(&mut tx, &known, now).await?;
    let entitlements = entitlements::of(app, &mut tx, user_id, now).await?;
    idempotency::finish(&mut tx, user_id, key, &entitlements).await?;
    tx.commit().await?;
    let environment = transaction.environment().word();
    tracing::info!(user = %user_id, product = told.product.product_id, environment, changed, "a purchase was handed in");
    Ok(Bought { entitlements, replayed: false })
}

/// Keeps a notification and does what it asks of us, once; one that we do not know is kept too.
pub async fn notice(app: &App, signed: &str) -> Result<()> {
    patiently(notice_in_time(app, signed)).await
}

async fn notice_in_time(app: &App, signed: &str) -> Result<()> {
    let store = store(app)?;
    let notification = store.verifier.verify_notification(signed, app.clock.now()).map_err(refused)?;
    follow(app, store, &notification).await
}

/// What Apple's list of its notifications has; those that are known change nothing.
pub(super) async fn follow_listed(app: &App, store: &Store, notification: &Notification) -> Result<()> {
    match patiently(follow(app, store, notification)).await {
        // It would be the same the next time, and nothing after it would ever be read.
        Err(error) if error.code == Code::PurchaseInvalid => {
            tracing::error!(?error, "a notification of the app store's list cannot be kept");
            Ok(())
        }
        followed => followed,
    }
}

/// Asks Apple whether the certificates in use are revoked, where that is due.
pub async fn look_for_revoked(app: &App) {
    if let Some(store) = &app.store {
        store.revocation.look(app.clock.now()).await;
    }
}

/// Once, by its uuid, however often it comes and from where.
async fn follow(app: &App, store: &Store, notification: &Notification) -> Result<()> {
    let now = app.clock.now();
    let body = notification.body();
    let (transaction, renewal) = (notification.transaction(), notification.renewal_info());
    let effect = Effect::of(&body.notification_type, body.subtype.as_ref());
    if !can_be_kept(notification) {
        return Err(unfit("it has characters or lengths that no notification has"));
    }
    let told = transaction.filter(|_| effect.is_of_purchase());
    let told = told.and_then(|it| Told::of(store, it, renewal, effect, body.signed_at()));
    let mut tx = Tx::begin(&app.databases.main()).await?;
    let kept = Notice {
        uuid: body.notification_uuid,
        environment: body.environment(),
        kind: body.notification_type.word(),
        subtype: body.subtype.as_ref().map(Subtype::word),
        effect,
        original_transaction_id: transaction.map(|it| it.original_transaction_id.as_str()),
        transaction_id: transaction.map(|it| it.transaction_id.as_str()),
        payload: body.text(),
        signed_at: body.signed_at(),
    };
    if !purchases::keep(&mut tx, &kept, now).await? {
        return Ok(());
    }
    let mut changed = false;
    if let Some(told) = &told {
        let known = purchases::lock(&mut tx, told.original(), &told.product.product_id, now).await?;
        told.bind(&mut tx, &known).await?;
        changed = told.apply(&mut tx, &known, now).await?;
    }
    if changed {
        purchases::changed(&mut tx, kept.uuid).await?;
    }
    tx.commit().await?;
    if effect == Effect::Consent {
        tracing::warn!(uuid = %kept.uuid, "a guardian has withdrawn consent to the use of the app: an operator has to act");
    }
    let ok = if changed { "true" } else { "false" };
    metrics::counter!("nbbang_app_store_notifications_total", "effect" => effect.word(), "changed" => ok).increment(1);
    tracing::info!(kind = kept.kind, environment = kept.environment.word(), changed, "a notification of the App Store");
    Ok(())
}

fn store(app: &App) -> Result<&Store> {
    app.store.as_ref().ok_or_else(|| Code::NotFound.into())
}

/// Which rule was broken is for our log alone.
fn refused(rejection: Rejection) -> Error {
    let (token, rule) = (rejection.token.word(), rejection.rule.word());
    metrics::counter!("nbbang_app_store_rejections_total", "token" => token, "rule" => rule).increment(1);
    Error::internal(Code::PurchaseInvalid, rejection)
}

fn unfit(why: &str) -> Error {
    Error::internal(Code::PurchaseInvalid, why)
}

fn can_be_kept(notification: &Notification) -> bool {
    let body = notification.body();
    let words = [Some(body.notification_type.word()), body.subtype.as_ref().map(Subtype::word)];
    let ids = notification.transaction().map(ids).into_iter().flatten();
    words.into_iter().flatten().chain(ids).all(is_storable)
}

fn ids(transaction: &Transaction) -> [&str; 2] {
    [&transaction.transaction_id, &transaction.original_transaction_id]
}

/// PostgreSQL keeps no NUL in a text.
fn is_storable(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && !text.contains('\0')
}

/// What a verified message says of a purchase of something that we sell.
struct Told<'a> {
    product: &'a Product,
    transaction: &'a Transaction,
    renewal: Option<&'a RenewalInfo>,
    effect: Effect,
    signed_at: Time,
}

impl<'a> Told<'a> {
    /// None if it is of nothing that we sell, or of what no purchase of it can be.
    fn of(
        store: &'a Store,
        transaction: &'a Transaction,
        renewal: Option<&'a RenewalInfo>,
        effect: Effect,
        signed_at: Time,
    ) -> Option<Self> {
        let product = store.catalogue.find(&transaction.product_id, &transaction.product_type)?;
        let times = [Some(transaction.purchase_date), transaction.expires_date, transaction.revocation_date];
        let grace = renewal.and_then(|renewal| renewal.grace_period_expires_date);
        let is_fit = ids(transaction).into_iter().all(is_storable)
            && times.into_iter().chain([grace]).flatten().all(|time| (2000..=9000).contains(&time.year()))
            && (product.grants != Grants::Plus || transaction.expires_date.is_some());
        is_fit.then_some(Self { product, transaction, renewal, effect, signed_at })
    }

    fn original(&self) -> Original<'a> {
        let transaction_id = &self.transaction.original_transaction_id;
        Original { environment: self.transaction.environment(), transaction_id }
    }

    /// Gives the purchase to the user for whose account it was made, if it is nobody's yet.
    async fn bind(&self, conn: &mut PgConnection, known: &Known) -> Result<()> {
        let of_renewal = self.renewal.and_then(|renewal| renewal.app_account_token);
        let token = self.transaction.app_account_token.or(of_renewal).filter(|_| known.owner.is_none());
        let Some(token) = token else { return Ok(()) };
        match purchases::buyer(conn, token).await? {
            Some(buyer) => purchases::bind(conn, self.original(), buyer).await,
            None => Ok(()),
        }
    }

    /// Whether it changed anything: what is older than what is known does not.
    async fn apply(&self, conn: &mut PgConnection, known: &Known, now: Time) -> Result<bool> {
        match self.product.grants {
            Grants::Plus => self.subscribe(conn, known).await,
            Grants::Boosts(_) => self.grant(conn, now).await,
        }
    }

    async fn subscribe(&self, conn: &mut PgConnection, known: &Known) -> Result<bool> {
        let Some(expires_at) = self.transaction.expires_date else { return Ok(false) };
        let renewal = |renewal: &RenewalInfo| Renewal {
            will_renew: renewal.auto_renew_status != Some(0),
            is_in_billing_retry: renewal.is_in_billing_retry_period.unwrap_or_default(),
            grace_until: renewal.grace_period_expires_date,
        };
        let news = subscription::News {
            effect: self.effect,
            signed_at: self.signed_at,
            purchased_at: self.transaction.purchase_date,
            period: Period {
                transaction_id: self.transaction.transaction_id.clone(),
                product_id: self.product.product_id.clone(),
                expires_at,
                revoked_at: self.transaction.revocation_date,
                ended_at: None,
            },
            renewal: self.renewal.map(renewal),
        };
        let Some(after) = Subscription::after(known.subscription.as_ref(), &news) else { return Ok(false) };
        purchases::save_subscription(conn, self.original(), &self.product.product_id, &after).await?;
        Ok(true)
    }

    async fn grant(&self, conn: &mut PgConnection, now: Time) -> Result<bool> {
        let transaction_id = &self.transaction.transaction_id;
        let news = grant::News {
            effect: self.effect,
            signed_at: self.signed_at,
            revoked_at: self.transaction.revocation_date,
        };
        let after = match purchases::grant(conn, self.transaction.environment(), transaction_id).await? {
            Some(before) => before.after(&news),
            None => Grant::new(self.product, self.transaction.quantity.unwrap_or(1), &news),
        };
        let Some(after) = after else { return Ok(false) };
        let product_id = &self.product.product_id;
        purchases::save_grant(conn, self.original(), transaction_id, product_id, &after, now).await?;
        Ok(true)
    }
}
