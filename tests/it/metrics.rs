//! What an operator can read of a running process, on a port of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::server::Server;
use crate::world::world;

#[tokio::test]
async fn requests_and_jobs_are_counted_by_route_and_never_by_what_they_ask_for() {
    world(|world| async move {
        let server = Server::with_metrics(&world).await;
        for (path, status) in [("/livez", 200), ("/v1/parties/7", 401), ("/v1/nothing", 404)] {
            assert_eq!(world.client.get(format!("{}{path}", server.base)).send().await.unwrap().status(), status);
        }
        let page = world.client.get(&server.metrics).send().await.unwrap().text().await.unwrap();
        for (route, status) in [("/livez", 200), ("/v1/parties/{id}", 401)] {
            let counted = format!(r#"nbbang_http_seconds_count{{route="{route}",status="{status}"}} 1"#);
            assert!(page.lines().any(|line| line == counted), "{counted}\n{page}");
        }
        assert!(page.contains(r#"nbbang_jobs_total{name="clock",ok="true"}"#), "{page}");
        assert!(!page.contains("/v1/parties/7") && !page.contains("/v1/nothing"), "{page}");
        // Not on the public port.
        let public = world.client.get(format!("{}/metrics", server.base)).send().await.unwrap();
        assert_eq!(public.json::<Value>().await.unwrap()["code"], "not_found");
    })
    .await;
}

const PAGE: &str = include_str!("../../docs/OPERATIONS.md");
const ALERTS: &str = include_str!("../../monitoring/alerts.yaml");
const DASHBOARD: &str = include_str!("../../monitoring/dashboard.json");

/// A metric's labels, by its name.
type Metrics = BTreeMap<String, BTreeSet<String>>;

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Those that the operators' page lists.
fn listed() -> Metrics {
    let table = PAGE.split_once("| metric | labels | watch for |").unwrap().1.split("\n\n").next().unwrap();
    let mut metrics = Metrics::new();
    for line in table.lines().skip(2) {
        let mut cells = line.split('|').skip(1);
        let (names, labels) = (cells.next().unwrap(), cells.next().unwrap());
        for name in quoted(names) {
            metrics.insert(name.to_owned(), quoted(labels).map(str::to_owned).collect());
        }
    }
    metrics
}

/// Those that the program counts.
fn counted() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for kind in ["counter!(", "gauge!(", "histogram!("] {
                for call in text.split(kind).skip(1) {
                    names.extend(
                        call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()).map(str::to_owned),
                    );
                }
            }
        }
    }
    names
}

#[test]
fn every_metric_is_listed_for_operators() {
    let listed: BTreeSet<String> = listed().into_keys().collect();
    assert_eq!(listed, counted());
}

/// The names in an expression with what stands in braces and after `by` behind them.
fn judge(expression: &str, metrics: &Metrics) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut used = 0;
    for (at, _) in expression.match_indices(|c: char| c.is_ascii_lowercase()) {
        let starts = !expression[..at].ends_with(is_name);
        let word = expression[at..].split(|c| !is_name(c)).next().unwrap();
        let prefixes = ["nbbang_", "upstream_", "books_", "app_store_"];
        if !starts || !prefixes.iter().any(|prefix| word.starts_with(prefix)) {
            continue;
        }
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| word.strip_suffix(suffix));
        let name = [Some(word), base].into_iter().flatten().find(|name| metrics.contains_key(*name));
        let labels = &metrics[name.unwrap_or_else(|| panic!("{word} in {expression}"))];
        used += 1;
        let wanted = expression[at + word.len()..].strip_prefix('{').and_then(|rest| rest.split('}').next());
        for label in wanted.into_iter().flat_map(|labels| labels.split(", ")) {
            let label = label.split(|c| !is_name(c)).next().unwrap();
            assert!(labels.contains(label), "{word} has no {label}: {expression}");
        }
        // Whatever it is grouped by stands before it.
        let before = &expression[..at];
        for (by, _) in before.match_indices("by (") {
            let grouped = before[by + 4..].split(')').next().unwrap();
            // A quotient has two sides.
            if before[by..].contains(" / ") {
                continue;
            }
            for label in grouped.split(", ").filter(|label| *label != "le") {
                assert!(labels.contains(label), "{word} has no {label}: {expression}");
            }
        }
    }
    assert!(used > 0 || expression.starts_with("up{"), "{expression}");
}

#[test]
fn what_dashboard_and_alerts_ask_for_exists() {
    let metrics = listed();
    let alerts: Vec<&str> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(alerts.len() > 10);
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let targets =
        dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let panels: Vec<&str> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(panels.len() > 20);
    for expression in alerts.iter().chain(&panels) {
        judge(expression, &metrics);
    }
    // Nothing is counted that nobody looks at.
    let all = [ALERTS, DASHBOARD].concat();
    for name in metrics.keys() {
        assert!(all.contains(name.as_str()), "neither dashboard nor alerts look at {name}");
    }
}

#[test]
fn every_alert_is_explained() {
    let alert = |line: &str| line.trim().strip_prefix("- alert: ").map(str::to_owned);
    let soon =
        |line: &str| line.trim().strip_prefix("labels: {severity: ").map(|rest| rest.trim_end_matches('}').to_owned());
    let names: Vec<String> = ALERTS.lines().filter_map(alert).collect();
    let severities: Vec<String> = ALERTS.lines().filter_map(soon).collect();
    let table = PAGE.split_once("| alert | how soon |").unwrap().1.split("\n\n").next().unwrap();
    let told: Vec<(String, String)> = table
        .lines()
        .skip(2)
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    assert_eq!(told, names.into_iter().zip(severities).collect::<Vec<_>>());
}
