//! What a user reports of another, and what an operator makes of it.

use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::user::User;

crate::words! {
    /// What a report is about.
    pub enum ReportSubject {
        User => "user",
        Party => "party",
        Message => "message",
    }
}

crate::words! {
    /// What is wrong with it.
    pub enum ReportReason {
        Spam => "spam",
        Abuse => "abuse",
        Fraud => "fraud",
        Inappropriate => "inappropriate",
        Dangerous => "dangerous",
        Other => "other",
    }
}

crate::words! {
    /// Whether an operator has decided, and how.
    pub enum ReportState {
        Open => "open",
        Upheld => "upheld",
        Dismissed => "dismissed",
    }
}

crate::words! {
    /// What becomes of a report or a dispute.
    pub enum Verdict {
        /// It is right.
        Upheld => "upheld",
        /// Nothing comes of it.
        Dismissed => "dismissed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub id: Id<Report>,
    pub reporter_id: Id<User>,
    pub subject_type: ReportSubject,
    pub subject_id: Id<()>,
    /// Who answers for it.
    pub accused_id: Id<User>,
    pub reason: ReportReason,
    pub note: Option<String>,
    /// What a reported message said.
    pub subject_text: Option<String>,
    pub created_at: Time,
    pub state: ReportState,
    pub decision_note: Option<String>,
    pub decided_at: Option<Time>,
}
