//! `OXUtilService`: version, databases, file stores and servers of the installation.

use super::{Operation, Service, read};
use crate::simulator::ox::call::Call;
use crate::simulator::ox::checks::like_ignoring_case;
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::Record;
use crate::simulator::ox::response::{Answer, COMMON_STYLE};
use crate::simulator::ox::schema::{CREDENTIALS, DATABASE, FILESTORE, Feature, SERVER, object, text};
use crate::simulator::ox::world;

pub fn service() -> Service {
    let auth = || object("auth", || &CREDENTIALS);
    let pattern = || text("search_pattern");
    let version = Operation { feature: Some(Feature::Version), ..read("getVersion", [auth()], get_version) };
    let operations = vec![
        version,
        read("listAllDatabase", [auth()], databases),
        read("listDatabase", [pattern(), auth()], databases),
        read("listAllFilestore", [auth()], filestores),
        read("listFilestore", [pattern(), auth()], filestores),
        read("listAllServer", [auth()], servers),
        read("listServer", [pattern(), auth()], servers),
    ];
    Service::new("OXUtilService", &COMMON_STYLE, operations)
}

/// Nobody knows who may ask: the master and every context admin.
fn get_version(call: &mut Call<'_>) -> Result<Answer, Fault> {
    if call.is_master() || call.world.contexts().iter().any(|tenant| call.is_admin(&tenant.state())) {
        return Ok(Answer::Text(call.options.version.clone()));
    }
    Err(Fault::authentication())
}

fn named(call: &Call<'_>, name: &str, record: Record) -> Result<Answer, Fault> {
    call.require_master()?;
    let hit = call.body.filled("search_pattern").is_none_or(|pattern| like_ignoring_case(pattern, name));
    Ok(Answer::Records(if hit { vec![record] } else { Vec::new() }))
}

fn databases(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut database = Record::new(&DATABASE);
    database.set_number("id", 2);
    database.set_flag("master", true);
    database.set_number("masterId", 0);
    database.set_text("name", "oxdb");
    named(call, "oxdb", database)
}

fn filestores(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut store = Record::new(&FILESTORE);
    store.set_number("id", world::FILESTORE);
    store.set_text("url", "file:/var/opt/filestore");
    named(call, "file:/var/opt/filestore", store)
}

fn servers(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let mut server = Record::new(&SERVER);
    server.set_number("id", 1);
    server.set_text("name", "oxserver");
    named(call, "oxserver", server)
}
