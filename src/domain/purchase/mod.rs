//! What is sold through an app store: the words of its messages and what follows from them; who signed them is not its business.

mod words;

pub use words::*;
