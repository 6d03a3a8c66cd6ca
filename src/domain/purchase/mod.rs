//! What is sold through an app store: the words of its messages and what follows from them; who signed them is not its business.

pub mod claim;
pub mod grant;
pub mod notice;
pub mod product;
pub mod subscription;
mod words;

pub use notice::Effect;
pub use product::{Catalogue, Grants, Kind, Product};
pub use subscription::{Subscription, SubscriptionState};
pub use words::{Environment, NotificationType, Ownership, ProductType, Subtype};
