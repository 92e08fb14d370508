//! The faults.

use oxherd::simulator::ox::FaultAction;

/// A row of the matrix.
pub struct Row {
    /// For people.
    pub name: &'static str,
    /// What oxherd makes of it, for people.
    pub answer: &'static str,
    pub fault: Fault,
    pub mercy: Mercy,
}

/// What goes wrong.
#[derive(Clone)]
pub enum Fault {
    /// Nothing: what the others are compared with.
    None,
    /// So many calls of the service of the object.
    Calls(FaultAction, u64),
    /// One call of each write that the objects need is answered with this exception and text.
    Exception(&'static str, &'static str),
    /// All calls take longer than the connector waits, twice.
    Timeouts,
    /// The password is another one, until that is corrected.
    Credentials,
    /// The state file cannot grow, until somebody makes room.
    DiskFull,
    /// The state file is read-only, until somebody changes that.
    ReadOnly,
    /// The program is told to stop while it works.
    Termination,
}

/// Whether an object may be parked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mercy {
    /// Never: nothing is wrong with the object.
    Waits,
    /// OX said that something is wrong with the object or with what it needs.
    MayPark,
}

const OPENS: &str = "circuit opens, probes, goes on";
const RESTS: &str = "tried again after a pause";
const PARKS: &str = "parked; retried on request, by time, or when something changes";
const LOOKS: &str = "where it can be meant so: looks what OX has and plans again; else parked";

fn row(name: &'static str, answer: &'static str, fault: Fault) -> Row {
    Row { name, answer, fault, mercy: Mercy::Waits }
}

fn soap(name: &'static str, exception: &'static str, text: &'static str, answer: &'static str, mercy: Mercy) -> Row {
    Row { name, answer, fault: Fault::Exception(exception, text), mercy }
}

/// All faults.
pub fn rows() -> Vec<Row> {
    use FaultAction::{Delay, Outage, RefuseConnections, ResetAfter, ResetBefore, Unavailable, WrongCredentials};
    use Mercy::{MayPark, Waits};
    let mut rows = vec![
        row("connection refused, 1 s", OPENS, Fault::Calls(RefuseConnections { seconds: 1.0 }, 1)),
        row("reset before processing", OPENS, Fault::Calls(ResetBefore, 2)),
        row("reset after processing", "circuit opens; what took effect is recognised", Fault::Calls(ResetAfter, 2)),
        row("timeout", "circuit opens; what took effect is recognised", Fault::Timeouts),
        row("HTTP 503", OPENS, Fault::Calls(Unavailable, 2)),
        row("slow, 300 ms a call", "waits for the answer", Fault::Calls(Delay { milliseconds: 300 }, u64::MAX)),
        row("outage, 60 s", OPENS, Fault::Calls(Outage { seconds: 60.0 }, 1)),
        row(
            "credentials refused once",
            "gate or circuit closes; one trial after 15 s or more",
            Fault::Calls(WrongCredentials, 1),
        ),
        row(
            "password changed, then corrected",
            "gate or circuit closes until the next trial or a new secret",
            Fault::Credentials,
        ),
        row("disk full", "events stay in the spool, intake and work go on when there is room", Fault::DiskFull),
        row("state file read-only", "ends of tasks are kept in memory and written later", Fault::ReadOnly),
        row("SIGTERM under load", "finishes what runs; the next start goes on", Fault::Termination),
    ];
    rows.extend([
        soap(
            "User update conflict",
            "StorageException",
            "User update conflict: Another process is currently modifying user data. Please try again later.",
            RESTS,
            Waits,
        ),
        soap(
            "deadlock",
            "StorageException",
            "Deadlock found when trying to get lock; try restarting transaction",
            RESTS,
            Waits,
        ),
        soap("database lost", "StorageException", "Communications link failure", OPENS, Waits),
        soap(
            "DatabaseUpdateException",
            "DatabaseUpdateException",
            "Database is locked or is now being updated, please try again later",
            "gate of the context closes for a while",
            Waits,
        ),
        soap("RemoteException", "RemoteException", "Internal error", OPENS, Waits),
        soap("StorageException", "StorageException", "Unknown trouble", PARKS, MayPark),
        soap("InvalidDataException", "InvalidDataException", "A value is wrong", PARKS, MayPark),
        soap("NoSuchContextException", "NoSuchContextException", "Context 10 does not exist", LOOKS, MayPark),
        soap("NoSuchUserException", "NoSuchUserException", "No such user 3 in context 10", LOOKS, MayPark),
        soap("NoSuchGroupException", "NoSuchGroupException", "No such group 2 in context 10", LOOKS, MayPark),
        soap("NoSuchResourceException", "NoSuchResourceException", "No such resource 2 in context 10", PARKS, MayPark),
        soap("NoSuchDatabaseException", "NoSuchDatabaseException", "No such database 3", PARKS, MayPark),
        soap("NoSuchFilestoreException", "NoSuchFilestoreException", "No such filestore 3", PARKS, MayPark),
        soap("NoSuchReasonException", "NoSuchReasonException", "No such reason 3", PARKS, MayPark),
        soap("ContextExistsException", "ContextExistsException", "Context 40 already exists!", LOOKS, MayPark),
        soap("UserExistsException", "UserExistsException", "User carl already exists in this context", LOOKS, MayPark),
        soap("OXContextException", "OXContextException", "Unknown trouble", PARKS, MayPark),
        soap("fault without detail", "none", "Fault occurred while processing.", "parked, with an alarm", MayPark),
    ]);
    rows
}
