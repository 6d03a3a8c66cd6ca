//! Finding parties near a point.

use std::collections::BTreeSet;

use serde_json::json;

use crate::person::{draft, id};
use crate::world::world;

#[tokio::test]
async fn pages_show_every_party_of_a_crowded_spot_once_and_the_nearest_first() {
    world(|world| async move {
        let mut opened = BTreeSet::new();
        for number in 0..5 {
            opened.insert(world.person(&format!("host-{number}")).await.opens(draft(&json!({}))).await);
        }
        let pickup = json!({"lat": 37.5015, "lng": 127.0310, "label": "역삼역", "memo": "편의점 앞"});
        let further = world.person("host-5").await.opens(draft(&json!({ "pickup": pickup }))).await;

        let mina = world.person("mina").await;
        let search = "/v1/parties?lat=37.4981&lng=127.0276&limit=2";
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..4 {
            let after = cursor.map(|cursor: String| format!("&cursor={cursor}")).unwrap_or_default();
            let page = mina.get(&format!("{search}{after}")).await.expect(200);
            found.extend(page["items"].as_array().unwrap().iter().map(id));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found.pop(), Some(further), "the furthest comes last");
        assert_eq!(found.len(), 5, "nothing comes twice");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), opened);
    })
    .await;
}
