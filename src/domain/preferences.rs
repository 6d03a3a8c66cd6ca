//! What a user wants to be told on his phone and when not: what he has chosen, changed by merge patches (RFC 7396), and what
//! applies where he has not.

use serde::{Deserialize, Serialize};
use time::macros::offset;
use time::{Duration, UtcOffset};
use utoipa::ToSchema;

use crate::domain::Time;
use crate::domain::error::{Error, FieldFault, Result};
use crate::domain::json::patch;
use crate::domain::user::Language;

crate::words! {
    /// What pushes are about, as users switch them on and off.
    pub enum Topic {
        /// How a party goes on.
        Party => "party",
        /// Who comes and goes; for hosts.
        Member => "member",
        /// What was paid, sent or given back.
        Money => "money",
        /// What is nearly too late.
        Reminder => "reminder",
        /// What is said in a party.
        Message => "message",
    }
}

/// What a user has chosen himself, as it is kept; the rest is as usual, also when that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    #[serde(default)]
    pub push: ChosenPush,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quiet_hours: Option<QuietHours>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenPush {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub party: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub member: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub money: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reminder: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<bool>,
}

impl Chosen {
    pub fn wants(&self, topic: Topic) -> bool {
        let ChosenPush { party, member, money, reminder, message } = self.push;
        let chosen = match topic {
            Topic::Party => party,
            Topic::Member => member,
            Topic::Money => money,
            Topic::Reminder => reminder,
            Topic::Message => message,
        };
        chosen.unwrap_or(true)
    }
}

/// Hours in which a phone is left in peace, in Seoul's time; `from` after `to` is over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuietHours {
    /// `HH:MM`, from which on it is quiet.
    #[schema(value_type = String, example = "23:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub from: HourMinute,
    /// `HH:MM`, from which on it is not.
    #[schema(value_type = String, example = "07:30", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub to: HourMinute,
}

impl QuietHours {
    /// When it is over, if it is quiet now.
    pub fn end(self, now: Time) -> Option<Time> {
        let local = now.to_offset(SEOUL);
        let minute = u16::from(local.hour()) * 60 + u16::from(local.minute());
        let since = |begin: HourMinute, end: u16| (end + DAY - begin.0) % DAY;
        let is_quiet = since(self.from, minute) < since(self.from, self.to.0);
        let left = (self.to.0 + DAY - minute) % DAY;
        let this_minute = Duration::seconds(local.second().into()) + Duration::nanoseconds(local.nanosecond().into());
        is_quiet.then(|| now + Duration::minutes(left.into()) - this_minute)
    }
}

const DAY: u16 = 24 * 60;
const SEOUL: UtcOffset = offset!(+9);

/// A minute of the day, written `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HourMinute(u16);

impl HourMinute {
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':').filter(|_| text.len() == 5)?;
        let number = |text: &str, below: u16| {
            let is_number = text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u16>().ok().filter(|number| is_number && *number < below)
        };
        Some(Self(number(hour, 24)? * 60 + number(minute, 60)?))
    }
}

impl Serialize for HourMinute {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.0 / 60, self.0 % 60))
    }
}

impl<'de> Deserialize<'de> for HourMinute {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a minute of the day"))
    }
}

/// A merge patch: what is absent stays, and `null` goes back to what is usual.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreferencesPatch {
    /// `null`: all kinds as usual.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = PushPatch, required = false)]
    pub push: Option<Option<PushPatch>>,
    /// `null`: no quiet hours.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = QuietHoursPatch, required = false)]
    pub quiet_hours: Option<Option<QuietHoursPatch>>,
    /// `null`: Korean.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = Language, required = false)]
    pub language: Option<Option<Language>>,
}

/// Which kinds of pushes to have; `null` is as usual, and usual is on.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushPatch {
    /// How a party goes on.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = bool, required = false, example = true)]
    pub party: Option<Option<bool>>,
    /// Who comes and goes; for hosts.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = bool, required = false, example = true)]
    pub member: Option<Option<bool>>,
    /// What was paid, sent or given back.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = bool, required = false, example = true)]
    pub money: Option<Option<bool>>,
    /// What is nearly too late.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = bool, required = false, example = false)]
    pub reminder: Option<Option<bool>>,
    /// What is said in a party.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = bool, required = false, example = true)]
    pub message: Option<Option<bool>>,
}

/// Other quiet hours; where there are none yet, both ends are needed.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHoursPatch {
    /// `HH:MM` in Seoul.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = String, required = false, example = "23:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub from: Option<Option<String>>,
    /// `HH:MM` in Seoul, not the same as `from`.
    #[serde(default, deserialize_with = "patch")]
    #[schema(value_type = String, required = false, example = "07:30", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    pub to: Option<Option<String>>,
}

impl PreferencesPatch {
    /// What has been chosen then, and the language if that is another one.
    pub fn apply(self, mut chosen: Chosen) -> Result<(Chosen, Option<Language>)> {
        match self.push {
            None => {}
            Some(None) => chosen.push = ChosenPush::default(),
            Some(Some(kinds)) => kinds.apply(&mut chosen.push),
        }
        match self.quiet_hours {
            None => {}
            Some(None) => chosen.quiet_hours = None,
            Some(Some(hours)) => chosen.quiet_hours = Some(hours.apply(chosen.quiet_hours)?),
        }
        Ok((chosen, self.language.map(|language| language.unwrap_or(Language::Korean))))
    }
}

impl PushPatch {
    fn apply(self, chosen: &mut ChosenPush) {
        let Self { party, member, money, reminder, message } = self;
        let changes = [
            (party, &mut chosen.party),
            (member, &mut chosen.member),
            (money, &mut chosen.money),
            (reminder, &mut chosen.reminder),
            (message, &mut chosen.message),
        ];
        for (change, kept) in changes {
            if let Some(change) = change {
                *kept = change;
            }
        }
    }
}

impl QuietHoursPatch {
    fn apply(self, before: Option<QuietHours>) -> Result<QuietHours> {
        // An end that is cleared is missing: hours have two.
        let end = |change: Option<Option<String>>, kept: Option<HourMinute>, pointer: &str| {
            let refused = |fault| Error::field(format!("/quiet_hours/{pointer}"), fault);
            match change {
                Some(Some(text)) => HourMinute::parse(&text).ok_or_else(|| refused(FieldFault::NotPermittedWord)),
                Some(None) => Err(refused(FieldFault::Required)),
                None => kept.ok_or_else(|| refused(FieldFault::Required)),
            }
        };
        let from = end(self.from, before.map(|hours| hours.from), "from")?;
        let to = end(self.to, before.map(|hours| hours.to), "to")?;
        if from == to {
            return Err(Error::field("/quiet_hours/to", FieldFault::NotAllowedHere));
        }
        Ok(QuietHours { from, to })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    fn patched(before: &Value, patch: Value) -> Result<Value> {
        let chosen = serde_json::from_value(before.clone()).unwrap();
        let patch: PreferencesPatch = serde_json::from_value(patch).unwrap();
        patch.apply(chosen).map(|(chosen, _)| serde_json::to_value(chosen).unwrap())
    }

    #[test]
    fn a_patch_is_merged_as_rfc_7396_says() {
        let before =
            json!({"push": {"party": false, "message": true}, "quiet_hours": {"from": "23:00", "to": "07:00"}});
        for (patch, after) in [
            (json!({}), before.clone()),
            (json!({"push": {}}), before.clone()),
            (
                json!({"push": {"party": null, "money": false}}),
                json!({"push": {"message": true, "money": false}, "quiet_hours": {"from": "23:00", "to": "07:00"}}),
            ),
            (json!({"push": null}), json!({"push": {}, "quiet_hours": {"from": "23:00", "to": "07:00"}})),
            (
                json!({"quiet_hours": {"to": "06:30"}}),
                json!({"push": {"party": false, "message": true}, "quiet_hours": {"from": "23:00", "to": "06:30"}}),
            ),
            (json!({"quiet_hours": null}), json!({"push": {"party": false, "message": true}})),
        ] {
            assert_eq!(patched(&before, patch.clone()).unwrap(), after, "{patch}");
        }
        for (patch, pointer, fault) in [
            (json!({"quiet_hours": {"from": null}}), "/quiet_hours/from", FieldFault::Required),
            (json!({"quiet_hours": {"to": "23:00"}}), "/quiet_hours/to", FieldFault::NotAllowedHere),
            (json!({"quiet_hours": {"to": "7:00"}}), "/quiet_hours/to", FieldFault::NotPermittedWord),
        ] {
            let error = patched(&before, patch).unwrap_err();
            assert_eq!((&*error.more.fields[0].pointer, error.more.fields[0].fault), (pointer, fault));
        }
        assert!(patched(&json!({}), json!({"quiet_hours": {"from": "23:00"}})).is_err(), "an end is missing");
        assert!(serde_json::from_value::<PreferencesPatch>(json!({"push": {"nothing": null}})).is_err());
    }

    #[test]
    fn what_is_not_chosen_is_on() {
        let chosen: Chosen = serde_json::from_value(json!({"push": {"member": false, "party": true}})).unwrap();
        assert_eq!(
            Topic::ALL.iter().map(|topic| chosen.wants(*topic)).collect::<Vec<_>>(),
            [true, false, true, true, true]
        );
        assert!(Topic::ALL.iter().all(|topic| Chosen::default().wants(*topic)));
        // What a later program has written is no reason to fail.
        assert!(serde_json::from_value::<Chosen>(json!({"push": {"later": 1}, "more": {}})).is_ok());
    }

    #[test]
    fn quiet_hours_are_seouls_and_may_pass_midnight() {
        let hours =
            |from, to| QuietHours { from: HourMinute::parse(from).unwrap(), to: HourMinute::parse(to).unwrap() };
        let night = hours("23:00", "07:30");
        let (begin, end) = (datetime!(2026-11-24 14:00 UTC), datetime!(2026-11-24 22:30 UTC));
        assert_eq!(night.end(begin - Duration::milliseconds(1)), None);
        assert_eq!(night.end(begin), Some(end));
        assert_eq!(night.end(datetime!(2026-11-24 16:00:59.5 UTC)), Some(end));
        assert_eq!(night.end(end - Duration::milliseconds(1)), Some(end));
        assert_eq!(night.end(end), None);
        let noon = hours("12:00", "13:00");
        assert_eq!(noon.end(datetime!(2026-11-24 03:30 UTC)), Some(datetime!(2026-11-24 04:00 UTC)));
        assert_eq!(noon.end(datetime!(2026-11-24 04:00 UTC)), None);
        assert_eq!(noon.end(datetime!(2026-11-24 15:30 UTC)), None);
    }

    #[test]
    fn minutes_of_the_day_have_five_characters() {
        assert_eq!(HourMinute::parse("00:00"), Some(HourMinute(0)));
        assert_eq!(HourMinute::parse("23:59"), Some(HourMinute(1439)));
        for bad in ["", "24:00", "7:00", "07:60", "+7:00", "07-00", "07:0 ", "07:00:00", "٠٧:٠٠"] {
            assert_eq!(HourMinute::parse(bad), None, "{bad}");
        }
    }
}
