//! Wakes the jobs of this process when a command has left something to do; without it they find it a second later.

use std::future::Future;

use tokio::sync::Notify;

#[derive(Default)]
pub struct News {
    /// Something has happened in a party.
    pub events: Bell,
    /// There is something to ask the payment provider for.
    pub money: Bell,
    /// There is something to tell people on their phones.
    pub pushes: Bell,
}

#[derive(Default)]
pub struct Bell(Notify);

impl Bell {
    pub fn ring(&self) {
        self.0.notify_waiters();
    }

    /// Ends at the next ring, counted from this call on.
    pub fn listen(&self) -> impl Future<Output = ()> + '_ {
        let mut next = Box::pin(self.0.notified());
        next.as_mut().enable();
        next
    }
}
