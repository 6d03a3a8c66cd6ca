//! A member's seat.

pub struct Order;
