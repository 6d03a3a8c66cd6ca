//! What an operator can read of a running process, on a port of its own.

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
        assert!(page.contains(r#"nbbang_jobs_total{job="clock",ok="true"}"#), "{page}");
        assert!(!page.contains("/v1/parties/7") && !page.contains("/v1/nothing"), "{page}");
        // Not on the public port.
        let public = world.client.get(format!("{}/metrics", server.base)).send().await.unwrap();
        assert_eq!(public.json::<Value>().await.unwrap()["code"], "not_found");
    })
    .await;
}
