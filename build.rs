//! Makes cargo build again when a migration is added; the macro that embeds them sees only changes of those it knows.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
