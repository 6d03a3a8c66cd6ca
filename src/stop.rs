//! Named places at which a test can end the process as `kill -9` would.

/// A place between two steps. Without the feature `stop-points` it is nothing; with it, `FAILPOINTS="name=return"` ends the
/// process here, at once and without cleaning up.
#[macro_export]
macro_rules! stop_point {
    ($name:literal) => {
        #[cfg(feature = "stop-points")]
        fail::fail_point!($name, |_| std::process::abort())
    };
}
