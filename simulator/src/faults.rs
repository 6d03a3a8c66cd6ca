//! The plan of what goes wrong: which answer of which provider is spoiled, how often, and how. It breaks nothing itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::http::{Answer, Response};
use crate::ids::Ids;

/// Ten minutes: longer than any deadline under test.
const LATENCY_MAX_MS: u64 = 600_000;
const FAULTS_MAX: usize = 1000;

/// What can be spoiled: a provider and its operations.
const OPERATIONS: &[(&str, &[&str])] = &[
    ("toss", crate::toss::OPERATIONS),
    ("kakao", crate::kakao::OPERATIONS),
    ("login", crate::login::OPERATIONS),
    ("app_store", crate::app_store::OPERATIONS),
    ("apns", crate::push::APNS_OPERATIONS),
    ("fcm", crate::push::FCM_OPERATIONS),
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Nothing happens on the provider's books.
    #[default]
    Before,
    /// The provider did what it was asked, then its answer is spoiled.
    AfterEffect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    Latency,
    Status,
    Reset,
    Truncate,
    Garbage,
    Html,
    Hang,
    WrongBody,
    Duplicate,
    Drop,
}

/// One line of the plan, as it is posted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    provider: String,
    operation: String,
    #[serde(default)]
    when: When,
    #[serde(rename = "do")]
    deed: Deed,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What the error says besides, to see where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// How often it strikes before it is over.
    #[serde(default = "once")]
    times: u32,
    #[serde(default = "always")]
    probability: f64,
    #[serde(default)]
    seed: u64,
}

fn once() -> u32 {
    1
}

fn always() -> f64 {
    1.0
}

/// A fault that strikes now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    pub deed: Deed,
    pub latency: Duration,
    pub status: Option<u16>,
    pub code: Option<String>,
    pub text: Option<String>,
}

#[derive(Default)]
pub struct Faults {
    planned: Vec<(Fault, Ids)>,
}

impl Faults {
    /// Adds a line to the plan. The error is a sentence that says what is wrong with it.
    pub fn plan(&mut self, fault: Fault) -> Result<(), String> {
        check(&fault)?;
        if self.planned.len() == FAULTS_MAX {
            return Err(format!("There are {FAULTS_MAX} faults already; DELETE them first."));
        }
        let dice = Ids::from_seed(fault.seed);
        self.planned.push((fault, dice));
        Ok(())
    }

    pub fn planned(&self) -> Vec<&Fault> {
        self.planned.iter().map(|(fault, _)| fault).collect()
    }

    pub fn clear(&mut self) {
        self.planned.clear();
    }

    /// The first planned fault that strikes here, which uses it up by one.
    pub fn strike(&mut self, provider: &str, operation: &str, when: When) -> Option<Strike> {
        let at = self.planned.iter_mut().position(|(fault, dice)| {
            let here = fault.provider == provider && fault.operation == operation && fault.when == when;
            here && dice.happens(fault.probability)
        })?;
        let (fault, _) = self.planned.get_mut(at)?;
        let strike = Strike {
            deed: fault.deed,
            latency: Duration::from_millis(fault.ms.unwrap_or_default()),
            status: fault.status,
            code: fault.code.clone(),
            text: fault.text.clone(),
        };
        fault.times -= 1;
        if fault.times == 0 {
            self.planned.remove(at);
        }
        Some(strike)
    }
}

impl Strike {
    /// What goes onto the wire in place of `response`. Bodies that are a provider's own are made by the provider.
    pub fn spoil(&self, response: Response) -> Answer {
        match self.deed {
            Deed::Reset => Answer::Reset,
            Deed::Truncate => Answer::Cut(response),
            Deed::Garbage => Answer::Garbage,
            Deed::Hang => Answer::Hang,
            Deed::Drop => Answer::Close,
            Deed::Html => bad_gateway(self.status.unwrap_or(502), self.text.as_deref().unwrap_or_default()).into(),
            Deed::Status if self.code.is_none() => self.bare().into(),
            Deed::Latency | Deed::Status | Deed::WrongBody | Deed::Duplicate => response.into(),
        }
    }

    /// A status without a code, and nothing in it but the text.
    fn bare(&self) -> Response {
        let status = self.status.unwrap_or(500);
        match &self.text {
            Some(text) => Response::new(status, "text/plain;charset=UTF-8", text.as_bytes()),
            None => Response::empty(status),
        }
    }
}

fn bad_gateway(status: u16, text: &str) -> Response {
    let page = format!(
        "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n\
         <hr><center>nginx</center>{text}\r\n</body>\r\n</html>\r\n"
    );
    Response::html(status, page)
}

fn check(fault: &Fault) -> Result<(), String> {
    let Some((_, operations)) = OPERATIONS.iter().find(|(provider, _)| *provider == fault.provider) else {
        let known: Vec<&str> = OPERATIONS.iter().map(|(provider, _)| *provider).collect();
        return Err(format!("There is no provider {:?}; there is {}.", fault.provider, known.join(", ")));
    };
    let operation = fault.operation.as_str();
    if !operations.contains(&operation) {
        return Err(format!("{} has no operation {operation:?}; it has {}.", fault.provider, operations.join(", ")));
    }
    let fits = match fault.deed {
        Deed::Latency | Deed::Duplicate | Deed::Drop => true,
        _ => !matches!(operation, "webhook" | "notification"),
    };
    if !fits {
        return Err(format!("{:?} does not fit the operation {operation:?}.", fault.deed));
    }
    if (fault.deed == Deed::Latency) != fault.ms.is_some() || fault.ms.is_some_and(|ms| ms > LATENCY_MAX_MS) {
        return Err(format!("`latency` wants `ms` up to {LATENCY_MAX_MS}; nothing else has `ms`."));
    }
    let status_fits = match fault.deed {
        Deed::Status => fault.status.is_some(),
        Deed::Html => true,
        _ => fault.status.is_none(),
    };
    if !status_fits || fault.status.is_some_and(|status| !(200..=599).contains(&status)) {
        return Err("`status` wants a `status` of 200 to 599; `html` may have one; nothing else has.".to_owned());
    }
    if fault.code.is_some() && fault.deed != Deed::Status {
        return Err("`code` goes with `status` only.".to_owned());
    }
    if fault.text.is_some() && !matches!(fault.deed, Deed::Status | Deed::Html) {
        return Err("`text` goes with `status` and `html` only.".to_owned());
    }
    if fault.times == 0 {
        return Err("`times` has to be 1 or more.".to_owned());
    }
    if !(0.0..=1.0).contains(&fault.probability) {
        return Err("`probability` has to be between 0 and 1.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plan(faults: &mut Faults, fault: Value) -> Result<(), String> {
        faults.plan(serde_json::from_value(fault).map_err(|e| e.to_string())?)
    }

    #[test]
    fn a_fault_strikes_where_and_as_often_as_planned() {
        let mut faults = Faults::default();
        let reset =
            json!({"provider": "toss", "operation": "confirm", "when": "after_effect", "do": "reset", "times": 2});
        plan(&mut faults, reset).unwrap();
        assert_eq!(faults.strike("toss", "confirm", When::Before), None);
        assert_eq!(faults.strike("toss", "cancel", When::AfterEffect), None);
        for _ in 0..2 {
            assert_eq!(faults.strike("toss", "confirm", When::AfterEffect).unwrap().deed, Deed::Reset);
        }
        assert_eq!(faults.strike("toss", "confirm", When::AfterEffect), None);
        assert!(faults.planned().is_empty());
    }

    #[test]
    fn a_probability_is_repeatable() {
        let hits = || {
            let mut faults = Faults::default();
            let fault = json!({"provider": "toss", "operation": "lookup", "do": "hang", "times": 1000, "probability": 0.3, "seed": 5});
            plan(&mut faults, fault).unwrap();
            (0..100).map(|_| faults.strike("toss", "lookup", When::Before).is_some()).collect::<Vec<_>>()
        };
        assert_eq!(hits(), hits());
        assert!(hits().contains(&true) && hits().contains(&false));
    }

    #[test]
    fn nonsense_is_refused() {
        let refused = |change: Value| {
            let mut fault = json!({"provider": "toss", "operation": "confirm", "do": "reset"});
            fault.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            plan(&mut Faults::default(), fault).unwrap_err()
        };
        assert!(refused(json!({"provider": "tos"})).contains("no provider"));
        assert!(refused(json!({"operation": "pay"})).contains("confirm"));
        assert!(refused(json!({"operation": "webhook"})).contains("does not fit"));
        assert!(refused(json!({"text": "X"})).contains("`text`"));
        assert!(refused(json!({"do": "latency"})).contains("`ms`"));
        assert!(refused(json!({"do": "status"})).contains("`status`"));
        assert!(refused(json!({"do": "status", "status": 99})).contains("`status`"));
        assert!(refused(json!({"code": "X"})).contains("`code`"));
        assert!(refused(json!({"times": 0})).contains("`times`"));
        assert!(refused(json!({"probability": 1.5})).contains("`probability`"));
        assert!(refused(json!({"surprise": 1})).contains("surprise"));
    }
}
