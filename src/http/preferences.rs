//! What users want to be told, in JSON.

use actix_web::web::Data;
use actix_web::{get, patch};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, preferences};
use crate::domain::error::Result;
use crate::domain::preferences::{Chosen, PreferencesPatch, QuietHours, Topic};
use crate::domain::user::Language;
use crate::errors;
use crate::http::extract::{Caller, Json};

/// What a user wants to be told on the phone, and when not.
#[derive(Serialize, ToSchema)]
pub struct Preferences {
    push: PushPreferences,
    /// Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    quiet_hours: Option<QuietHours>,
    language: Language,
}

/// Which kinds of pushes are on.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each kind is switched by itself")]
pub struct PushPreferences {
    /// How a party goes on.
    #[schema(example = true)]
    party: bool,
    /// Who comes and goes; for hosts.
    #[schema(example = true)]
    member: bool,
    /// What was paid, sent or given back.
    #[schema(example = true)]
    money: bool,
    /// What is nearly too late.
    #[schema(example = true)]
    reminder: bool,
    /// What is said in a party.
    #[schema(example = true)]
    message: bool,
}

impl From<(Chosen, Language)> for Preferences {
    fn from((chosen, language): (Chosen, Language)) -> Self {
        Self {
            push: PushPreferences {
                party: chosen.wants(Topic::Party),
                member: chosen.wants(Topic::Member),
                money: chosen.wants(Topic::Money),
                reminder: chosen.wants(Topic::Reminder),
                message: chosen.wants(Topic::Message),
            },
            quiet_hours: chosen.quiet_hours,
            language,
        }
    }
}

errors!(GetPreferencesErrors: CALLER);

/// What I want to be told
///
/// All of it, also what is as usual.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The caller's preferences.", body = Preferences, example = json!({
            "push": {"party": true, "member": true, "money": true, "reminder": true, "message": true}, "language": "ko",
        })),
        GetPreferencesErrors,
    ),
)]
#[get("/v1/me/preferences")]
pub async fn get_preferences(app: Data<App>, caller: Caller) -> Result<Json<Preferences>> {
    Ok(Json(preferences::find(&app, caller.user_id).await?.into()))
}

errors!(PatchPreferencesErrors: CALLER, BODY);

/// Change what I want to be told
///
/// A merge patch (RFC 7396) of the whole document: what is absent stays, at every depth, and `null` goes back to what is usual.
/// In quiet hours, which are Seoul's, only what cannot wait is told; of the rest the newest of each party when they are over. The
/// language is that of the profile, too.
#[utoipa::path(
    tag = "People",
    security(("bearer" = [])),
    request_body(content = PreferencesPatch, description = "What to change.", example = json!({
        "push": {"member": false}, "quiet_hours": {"from": "23:00", "to": "07:30"},
    })),
    responses(
        (status = 200, description = "The caller's preferences, as changed.", body = Preferences, example = json!({
            "push": {"party": true, "member": false, "money": true, "reminder": true, "message": true},
            "quiet_hours": {"from": "23:00", "to": "07:30"}, "language": "ko",
        })),
        PatchPreferencesErrors,
    ),
)]
#[patch("/v1/me/preferences")]
pub async fn patch_preferences(
    app: Data<App>,
    caller: Caller,
    patch: Json<PreferencesPatch>,
) -> Result<Json<Preferences>> {
    Ok(Json(preferences::change(&app, caller.user_id, patch.0).await?.into()))
}
