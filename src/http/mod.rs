//! HTTP: who asks, in which shape, with which status; what happens then is in `app`.

mod admin;
mod auth;
mod devices;
mod docs;
mod edge;
mod error;
mod events;
mod examples;
pub mod extract;
mod faults;
mod health;
mod invitations;
mod limits;
mod me;
mod messages;
mod orders;
mod pages;
mod parties;
mod payments;
mod places;
mod preferences;
mod purchases;
mod quotes;
mod reports;
mod rooms;
pub mod schema;
mod search;
mod transfers;
mod users;

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::Data;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::app::App;

pub use docs::openapi;
pub use error::{errors_markdown, row};

/// Every route, by the file that it is in.
fn configure(routes: &mut ServiceConfig, dev: bool) {
    if dev {
        routes.service(auth::create_dev_session);
        routes.service(auth::advance_dev_clock);
    }

    routes.service(auth::create_apple_session);
    routes.service(auth::create_kakao_session);
    routes.service(auth::refresh_session);
    routes.service(auth::delete_session);
    routes.service(auth::get_jwks);

    routes.service(users::get_me);
    routes.service(users::patch_me);
    routes.service(me::delete_me);
    routes.service(me::export_me);
    routes.service(users::get_user);
    routes.service(users::put_block);
    routes.service(users::delete_block);
    routes.service(devices::put_device);
    routes.service(devices::delete_device);
    routes.service(preferences::get_preferences);
    routes.service(preferences::patch_preferences);
    routes.service(search::list_my_parties);

    routes.service(parties::create_party);
    routes.service(search::find_parties);
    routes.service(parties::get_party);
    routes.service(parties::update_party);
    routes.service(rooms::get_room);
    routes.service(quotes::get_quote);
    routes.service(quotes::get_ledger);
    routes.service(parties::lock_party);
    routes.service(parties::place_party);
    routes.service(parties::arrive_party);
    routes.service(parties::cancel_party);
    routes.service(parties::boost_party);
    routes.service(invitations::create_invitation);
    routes.service(invitations::delete_invitation);
    routes.service(invitations::get_invitation);

    routes.service(orders::join_party);
    routes.service(orders::get_order);
    routes.service(orders::change_items);
    routes.service(orders::end_order);
    routes.service(orders::pick_up_order);
    routes.service(orders::no_show_order);
    routes.service(transfers::send_transfer);
    routes.service(transfers::receive_transfer);
    routes.service(transfers::dispute_transfer);
    routes.service(orders::dispute_order);

    routes.service(messages::create_message);
    routes.service(messages::list_messages);
    routes.service(messages::mark_messages_read);
    routes.service(events::follow_party);

    routes.service(payments::get_payment);
    routes.service(payments::confirm_payment);
    routes.service(payments::receive_toss_webhook);

    routes.service(purchases::list_products);
    routes.service(purchases::get_entitlements);
    routes.service(purchases::create_purchase);
    routes.service(purchases::receive_app_store_webhook);

    routes.service(places::find_places);
    routes.service(places::find_addresses);
    routes.service(places::find_regions);

    routes.service(reports::report_something);

    routes.service(admin::reports::list_reports);
    routes.service(admin::reports::decide_report);
    routes.service(admin::disputes::list_disputes);
    routes.service(admin::disputes::decide_dispute);
    routes.service(admin::payouts::list_payouts);
    routes.service(admin::payouts::decide_payout);
    routes.service(admin::cancel_any_party);
    routes.service(admin::suspend_user);
    routes.service(admin::unsuspend_user);

    routes.service(health::get_livez);
    routes.service(health::get_readyz);
}

/// The whole of HTTP, for the server and for tests. The outermost layer comes last.
pub fn application(
    app: Arc<App>,
) -> actix_web::App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let dev = app.config.is_dev();
    actix_web::App::new()
        .app_data(Data::from(app))
        .into_utoipa_app()
        .configure(|routes| configure(routes, dev))
        .into_app()
        .configure(|routes| docs::configure(routes, dev))
        .configure(pages::configure)
        .default_service(actix_web::web::to(edge::unmatched))
        .wrap(from_fn(limits::limit))
        .wrap(from_fn(edge::problems))
        .wrap(from_fn(edge::small_stays_plain))
        .wrap(Compress::default())
        .wrap(from_fn(edge::observe))
}

/// How many connections each worker keeps; more wait to be accepted.
const CONNECTIONS: usize = 10_000;

/// Serves on a socket that is open already, until the answer is told to stop; it finishes what it is at.
pub fn serve(app: Arc<App>, listener: std::net::TcpListener) -> std::io::Result<actix_web::dev::Server> {
    let (head, idle) = (app.config.patience.head, app.config.patience.idle);
    let server = actix_web::HttpServer::new(move || application(Arc::clone(&app)))
        .keep_alive(idle)
        .client_request_timeout(head)
        .max_connections(CONNECTIONS)
        .shutdown_timeout(15)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}
