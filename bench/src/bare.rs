//! A handler that does nothing: what actix itself costs on this machine. Started as a program of its own, to be measured alone.

use actix_web::{App, HttpResponse, HttpServer, web};

/// Until it is killed.
pub async fn serve(address: &str) -> std::io::Result<()> {
    // As long as a party's public view.
    let body = web::Bytes::from("x".repeat(800));
    let handler = move || {
        let body = body.clone();
        async move { HttpResponse::Ok().content_type("application/json").body(body) }
    };
    HttpServer::new(move || App::new().route("/", web::get().to(handler.clone()))).workers(2).bind(address)?.run().await
}
