//! The program's commands; each is one call.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use nbbang::{ops, serve};

/// Order delivery food together, split the fee to the won.
#[derive(Parser)]
#[command(name = "nbbang", version)]
struct Nbbang {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, and do the background jobs
    Serve {
        /// Leave the jobs to `nbbang work`
        #[arg(long)]
        no_jobs: bool,
    },
    /// Do the background jobs alone
    Work,
    /// Bring the databases up to date
    Migrate {
        /// Change nothing; exit 0 if up to date, 1 if migrations are pending, 2 if one is damaged
        #[arg(long)]
        check: bool,
    },
    /// Open sample parties (dev mode)
    Seed,
    /// Look at settings, keys and databases, and say what to do
    Doctor,
    /// Ask the server that runs here whether it can serve; exit 1 if not
    Health {
        /// Ask `nbbang work` instead
        #[arg(long)]
        work: bool,
    },
    /// Print the OpenAPI document
    Openapi,
    /// Print the list of errors (docs/ERRORS.md)
    Errors,
    /// Compare the payment provider's transactions with the ledger; exit 1 if they differ
    Books {
        /// A day of Seoul that is over; without it, the last one
        #[arg(long)]
        day: Option<String>,
        #[command(subcommand)]
        command: Option<Books>,
    },
    /// Where parties live
    #[command(subcommand)]
    Shards(Shards),
    /// Complaints of guests
    #[command(subcommand)]
    Disputes(Disputes),
    /// Money for hosts
    #[command(subcommand)]
    Payouts(Payouts),
    /// Payments and refunds that nobody but a person can judge
    #[command(subcommand)]
    Reviews(Reviews),
    /// Money between guests and hosts of transfer parties
    #[command(subcommand)]
    Transfers(Transfers),
    /// Parties that nobody else can end
    #[command(subcommand)]
    Parties(Parties),
    /// For whom purchases in the App Store's sandbox count
    #[command(subcommand)]
    Testers(Testers),
    /// Who decides about reports, disputes and payouts
    #[command(subcommand)]
    Operators(Operators),
}

#[derive(Subcommand)]
enum Books {
    /// Differences that nobody has settled
    Open,
    /// Accept a difference as it is
    Accept {
        /// Its number, as `open` prints it
        difference: i64,
        /// Why
        #[arg(long)]
        note: String,
    },
}

#[derive(Subcommand)]
enum Shards {
    /// How many shards each party database has
    List,
}

#[derive(Subcommand)]
enum Disputes {
    /// Those that wait for a decision
    List,
    /// Give a part of the share back to the guest, and the rest to the host
    Decide {
        /// The disputed order
        order: String,
        /// What goes back, in KRW; 0 dismisses the dispute
        #[arg(long)]
        refund_krw: i64,
        /// Why
        #[arg(long)]
        note: String,
    },
}

#[derive(Subcommand)]
enum Payouts {
    /// Those that are due or will be
    List,
    /// Record that a host has been paid
    Paid {
        party: String,
        payout: String,
        /// What was paid; it must be what the list shows now
        #[arg(long)]
        amount_krw: i64,
        /// The bank's reference
        #[arg(long)]
        note: Option<String>,
    },
}

#[derive(Subcommand)]
enum Reviews {
    /// Those that wait for a look
    List,
    /// Ask the provider once more, when the cause is mended
    Retry { payment: String },
}

#[derive(Subcommand)]
enum Transfers {
    /// Record that a disputed transfer never came
    Unpaid { order: String },
}

#[derive(Subcommand)]
enum Parties {
    /// Cancel a party that is not over; everybody gets his money back
    Cancel { party: String },
    /// Complete a party of which only the clock says that the food arrived
    Complete { party: String },
}

#[derive(Subcommand)]
enum Testers {
    /// App Review's account, or somebody's who tries things out
    Add {
        user: String,
    },
    Remove {
        user: String,
    },
    List,
}

#[derive(Subcommand)]
enum Operators {
    /// Make a user an operator
    Add { user: String },
    /// Make an operator a user like all others
    Remove { user: String },
    /// Those there are
    List,
}

#[tokio::main]
async fn main() -> ExitCode {
    #[cfg(feature = "stop-points")]
    let _stop_points = fail::FailScenario::setup();
    match Nbbang::parse().command {
        Command::Serve { no_jobs } => serve::serve(!no_jobs).await,
        Command::Work => serve::work().await,
        Command::Migrate { check: false } => ops::migrate().await,
        Command::Migrate { check: true } => ops::migrate_check().await,
        Command::Seed => ops::seed().await,
        Command::Doctor => ops::doctor().await,
        Command::Health { work } => ops::health::ask(work).await,
        Command::Openapi => ops::openapi(),
        Command::Errors => ops::errors(),
        Command::Books { command: Some(Books::Open), .. } => ops::books::open().await,
        Command::Books { command: Some(Books::Accept { difference, note }), .. } => {
            ops::books::accept(difference, note).await
        }
        Command::Books { command: None, day } => ops::books::compare(day).await,
        Command::Shards(Shards::List) => ops::shards_list().await,
        Command::Disputes(Disputes::List) => ops::disputes_list().await,
        Command::Disputes(Disputes::Decide { order, refund_krw, note }) => {
            ops::disputes_decide(ops::Decision { order, refund_krw, note }).await
        }
        Command::Payouts(Payouts::List) => ops::payouts_list().await,
        Command::Payouts(Payouts::Paid { party, payout, amount_krw, note }) => {
            ops::payouts_paid(party, payout, amount_krw, note).await
        }
        Command::Reviews(Reviews::List) => ops::reviews_list().await,
        Command::Reviews(Reviews::Retry { payment }) => ops::reviews_retry(payment).await,
        Command::Transfers(Transfers::Unpaid { order }) => ops::transfers_unpaid(order).await,
        Command::Parties(Parties::Cancel { party }) => ops::parties_cancel(party).await,
        Command::Parties(Parties::Complete { party }) => ops::parties_complete(party).await,
        Command::Testers(Testers::Add { user }) => ops::testers_add(user).await,
        Command::Testers(Testers::Remove { user }) => ops::testers_remove(user).await,
        Command::Testers(Testers::List) => ops::testers_list().await,
        Command::Operators(Operators::Add { user }) => ops::operators_add(user).await,
        Command::Operators(Operators::Remove { user }) => ops::operators_remove(user).await,
        Command::Operators(Operators::List) => ops::operators_list().await,
    }
}
