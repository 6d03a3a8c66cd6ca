//! What the law gives a user over his data, in JSON: all that we hold of him, and his going.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, erasure, export};
use crate::domain::error::Result;
use crate::domain::location_use::{LocationPurpose, LocationSource, LocationUse};
use crate::domain::message::Message;
use crate::domain::party::Party;
use crate::domain::terms::{Pickup, TransferAccount};
use crate::domain::trust::TrustKind;
use crate::errors;
use crate::http::devices::DeviceView;
use crate::http::extract::{Caller, Holder, Json};
use crate::http::invitations::InvitationMadeView;
use crate::http::orders::OrderView;
use crate::http::parties::PartyView;
use crate::http::preferences::Preferences;
use crate::http::reports::ReportView;
use crate::http::schema::{MessageId, PartyId, Timestamp, UserId};
use crate::http::users::Me;

/// Everything that we hold of a user.
#[derive(Serialize, ToSchema)]
pub struct Export {
    exported_at: Timestamp,
    me: Me,
    /// How the providers know him.
    identities: Vec<IdentityView>,
    /// Where he has signed in.
    sessions: Vec<SignInView>,
    /// Phones on which he is told things.
    devices: Vec<DeviceView>,
    preferences: Preferences,
    /// Whom he keeps away.
    blocked_user_ids: Vec<UserId>,
    /// What he has reported.
    reports: Vec<ReportView>,
    /// Codes by which he has invited others.
    invitations: Vec<InvitationMadeView>,
    /// What his trust is made of, beside the 50 of the beginning.
    trust: Vec<TrustEntryView>,
    /// When he has looked for something by a position, which itself is not kept.
    location_uses: Vec<LocationUseView>,
    /// Parties that he hosts or has hosted.
    hosted: Vec<HostedView>,
    /// His own orders.
    orders: Vec<OrderView>,
    /// What he has said to others, until it is erased.
    messages: Vec<SaidView>,
}

/// What a user has said in a party.
#[derive(Serialize, ToSchema)]
pub struct SaidView {
    party_id: PartyId,
    id: MessageId,
    /// In his words.
    #[schema(example = "3번 출구 앞에서 만나요")]
    text: String,
    created_at: Timestamp,
}

/// How a provider knows a user.
#[derive(Serialize, ToSchema)]
pub struct IdentityView {
    /// Who signs him in.
    #[schema(example = "apple")]
    provider: String,
    /// What the provider calls him.
    #[schema(example = "001234.0a1b2c3d")]
    subject: String,
    created_at: Timestamp,
}

/// A device that has signed in.
#[derive(Serialize, ToSchema)]
pub struct SignInView {
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
}

/// Why somebody is trusted more or less.
#[derive(Serialize, ToSchema)]
pub struct TrustEntryView {
    kind: TrustKind,
    /// What it adds.
    #[schema(example = 1)]
    points: i16,
    entered_at: Timestamp,
}

/// That a position was used, without the position.
#[derive(Serialize, ToSchema)]
pub struct LocationUseView {
    purpose: LocationPurpose,
    acquired_from: LocationSource,
    used_at: Timestamp,
}

/// A party with what its host has told about it.
#[derive(Serialize, ToSchema)]
pub struct HostedView {
    party: PartyView,
    pickup: Pickup,
    /// Until it is erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer_account: Option<TransferAccount>,
}

impl From<export::Export> for Export {
    fn from(export: export::Export) -> Self {
        let user = export.user.user.id;
        let own = |(party, _): &(Party, Option<TransferAccount>)| {
            let orders = party.orders.iter().filter(|order| order.user_id == user);
            orders.map(|order| OrderView::seen_by(order, party, user)).collect::<Vec<_>>()
        };
        let identity = |identity: export::Identity| IdentityView {
            provider: identity.provider,
            subject: identity.subject,
            created_at: identity.created_at.into(),
        };
        let sign_in = |session: export::SignIn| SignInView {
            created_at: session.created_at.into(),
            revoked_at: session.revoked_at.map(Into::into),
        };
        let entry = |entry: export::TrustEntry| TrustEntryView {
            kind: entry.kind,
            points: entry.points,
            entered_at: entry.at.into(),
        };
        let location = |(used, acquired_from): (LocationUse, LocationSource)| LocationUseView {
            purpose: used.purpose,
            acquired_from,
            used_at: used.used_at.into(),
        };
        let said = |message: &Message| SaidView {
            party_id: message.party_id,
            id: message.id,
            text: message.text.clone(),
            created_at: message.created_at.into(),
        };
        Self {
            exported_at: export.at.into(),
            identities: export.identities.into_iter().map(identity).collect(),
            sessions: export.sessions.into_iter().map(sign_in).collect(),
            devices: export.devices.into_iter().map(DeviceView::from).collect(),
            preferences: export.preferences.into(),
            blocked_user_ids: export.blocked,
            reports: export.reports.into_iter().map(ReportView::from).collect(),
            invitations: export.invitations.into_iter().map(InvitationMadeView::from).collect(),
            trust: export.trust.into_iter().map(entry).collect(),
            location_uses: export.location_uses.into_iter().map(location).collect(),
            orders: export.parties.iter().flat_map(own).collect(),
            messages: export.messages.iter().map(said).collect(),
            hosted: export
                .parties
                .into_iter()
                .filter(|(party, _)| party.host_id == user)
                .map(HostedView::from)
                .collect(),
            me: export.user.into(),
        }
    }
}

impl From<(Party, Option<TransferAccount>)> for HostedView {
    fn from((party, transfer_account): (Party, Option<TransferAccount>)) -> Self {
        Self { party: party.listing().into(), pickup: party.terms.pickup, transfer_account }
    }
}

errors!(ExportMeErrors: CALLER);

/// Everything that you hold of me
///
/// All that is stored of the caller, in one document.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    responses((status = 200, description = "Everything.", body = Export), ExportMeErrors),
)]
#[get("/v1/me/export")]
pub async fn export_me(app: Data<App>, caller: Caller) -> Result<Json<Export>> {
    Ok(Json(export::export(&app, caller.user_id).await?.into()))
}

errors!(DeleteMeErrors: CALLER; ActiveParty, PaymentPending);

/// Delete my account
///
/// Erases the profile, ends all sessions, and withdraws Apple's permission; open parties are left, those that the caller hosts
/// are cancelled. Refused with `active_party` between a party's lock and its settlement. Orders and ledgers stay, of a number
/// that is nobody's. Deleting again changes nothing.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    responses((status = 204, description = "The account is gone."), DeleteMeErrors),
)]
#[delete("/v1/me")]
pub async fn delete_me(app: Data<App>, holder: Holder) -> Result<HttpResponse> {
    erasure::erase(&app, holder.0.user_id, holder.0.session_id).await?;
    Ok(HttpResponse::NoContent().finish())
}
