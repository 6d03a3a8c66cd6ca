//! An operator, and what he asks; to everybody else nothing is at his addresses, whatever the body says.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};

use super::{Caller, app, caller};
use crate::app::operators::{self, By};
use crate::domain::error::{Error, Result};

/// `asked` is read after it is known who asks.
pub struct Operator<T = Caller> {
    pub by: By,
    pub asked: T,
}

impl<T> FromRequest for Operator<T>
where
    T: FromRequest<Error = Error> + 'static,
    T::Future: 'static,
{
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = caller(request);
        let app = app(request).cloned();
        let asked = T::from_request(request, payload);
        Box::pin(async move {
            let Caller { user_id, .. } = caller?;
            operators::must_be(&*app?, user_id).await?;
            Ok(Self { by: By::Operator(user_id), asked: asked.await? })
        })
    }
}
