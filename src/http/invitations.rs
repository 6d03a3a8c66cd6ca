//! Invitations in JSON, for the app: making one, taking it back, finding the party by it. What everybody else sees is in `pages.rs`.

use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, post};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, Key, invitations};
use crate::domain::error::Result;
use crate::domain::invitation::{Invitation, InvitationCode};
use crate::errors;
use crate::http::extract::{self, Caller, Json, Path};
use crate::http::parties::public_view;
use crate::http::schema::{IdempotencyKey, PartyId, Timestamp};

/// A way into a party for whoever has it.
#[derive(Serialize, ToSchema)]
pub struct InvitationView {
    /// Ten characters; read in capitals too, and with an O for the 0 or an I or L for the 1.
    #[schema(example = "7k3m9q2xvd")]
    code: String,
    party_id: PartyId,
    /// The page that it leads to, for anybody.
    #[schema(example = "https://nbbang.example.com/i/7k3m9q2xvd")]
    url: String,
    /// Until then, and until the party's deadline.
    expires_at: Timestamp,
}

impl InvitationView {
    fn of(invitation: &Invitation, app: &App) -> Self {
        Self {
            code: invitation.code.to_string(),
            party_id: invitation.party_id,
            url: format!("{}/i/{}", app.config.pages.public_url, invitation.code),
            expires_at: invitation.expires_at.into(),
        }
    }
}

/// A code by which somebody has invited others.
#[derive(Serialize, ToSchema)]
pub struct InvitationMadeView {
    /// Ten characters.
    #[schema(example = "7k3m9q2xvd")]
    code: String,
    party_id: PartyId,
    created_at: Timestamp,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Timestamp>,
}

impl From<Invitation> for InvitationMadeView {
    fn from(invitation: Invitation) -> Self {
        Self {
            code: invitation.code.to_string(),
            party_id: invitation.party_id,
            created_at: invitation.created_at.into(),
            expires_at: invitation.expires_at.into(),
            revoked_at: invitation.revoked_at.map(Into::into),
        }
    }
}

errors!(CreateInvitationErrors: CALLER;
    IdempotencyKeyMissing, IdempotencyKeyMalformed, NotFound, NotAMember, PartyNotOpen, DeadlinePassed, TooManyInvitations);

/// Invite to a party
///
/// By a member, while it is open: a code for others, good for 24 hours and until the deadline, and as long as its maker is in the
/// party. Ten good ones at most. There is no body.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id."), IdempotencyKey),
    responses(
        (status = 201, description = "The invitation.", body = InvitationView, headers(
            ("Location" = String, description = "The page for whoever follows it."),
            ("Idempotency-Replayed" = String, description = "`true` on the answer to a repeated command."),
        )),
        CreateInvitationErrors,
    ),
)]
#[post("/v1/parties/{id}/invitations")]
pub async fn create_invitation(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    key: extract::IdempotencyKey,
) -> Result<HttpResponse> {
    let key = Key { route: "invite", key: &key.0, fingerprint: &[] };
    let invited = invitations::invite(&app, caller.user_id, id.0, &key).await?;
    let mut answer = HttpResponse::Created();
    answer.insert_header(("Location", format!("/i/{}", invited.invitation.code)));
    if invited.replayed {
        answer.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(answer.json(InvitationView::of(&invited.invitation, &app)))
}

errors!(DeleteInvitationErrors: CALLER; NotFound, NotTheHost);

/// Take an invitation back
///
/// By its maker or the host: it leads nowhere any more. Repeated: 204 too.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(
        ("id" = PartyId, Path, description = "The party's id."),
        ("code" = String, Path, description = "The invitation's code.", example = "7k3m9q2xvd"),
    ),
    responses((status = 204, description = "It leads nowhere any more."), DeleteInvitationErrors),
)]
#[delete("/v1/parties/{id}/invitations/{code}")]
pub async fn delete_invitation(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    code: Path<InvitationCode>,
) -> Result<HttpResponse> {
    invitations::revoke(&app, caller.user_id, id.0, &code.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

errors!(GetInvitationErrors: CALLER; NotFound, InvitationOver);

/// Follow an invitation
///
/// For an app that was opened with its link: which party it leads to. Over is one that has expired or was revoked, whose maker has left
/// the party, or whose party is not open any more.
#[utoipa::path(
    tag = "Parties",
    security(("bearer" = [])),
    params(("code" = String, Path, description = "The invitation's code.", example = "7k3m9q2xvd")),
    responses((status = 200, description = "The invitation.", body = InvitationView), GetInvitationErrors),
)]
#[get("/v1/invitations/{code}")]
pub async fn get_invitation(
    app: Data<App>,
    caller: Caller,
    code: Path<InvitationCode>,
) -> Result<Json<InvitationView>> {
    let invitation = invitations::open(&app, caller.user_id, &code.0, public_view).await?;
    Ok(Json(InvitationView::of(&invitation, &app)))
}
