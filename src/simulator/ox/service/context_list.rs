//! Lists of contexts: full data, for the master admin.

use super::context::record;
use crate::simulator::ox::call::Call;
use crate::simulator::ox::checks::like_ignoring_case;
use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::response::Answer;
use crate::simulator::ox::world::{Context, FILESTORE};

pub fn list(call: &mut Call<'_>) -> Result<Answer, Fault> {
    hits(call, None, |context| fits(call, context))
}

pub fn list_all(call: &mut Call<'_>) -> Result<Answer, Fault> {
    hits(call, None, |_| true)
}

pub fn list_page(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = page(call)?;
    hits(call, Some(page), |context| fits(call, context))
}

pub fn list_page_all(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = page(call)?;
    hits(call, Some(page), |_| true)
}

pub fn list_by_database(call: &mut Call<'_>) -> Result<Answer, Fault> {
    hits(call, None, |_| true)
}

pub fn list_page_by_database(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = page(call)?;
    hits(call, Some(page), |_| true)
}

pub fn list_by_filestore(call: &mut Call<'_>) -> Result<Answer, Fault> {
    hits(call, None, |context| on_filestore(call, context))
}

pub fn list_page_by_filestore(call: &mut Call<'_>) -> Result<Answer, Fault> {
    let page = page(call)?;
    hits(call, Some(page), |context| on_filestore(call, context))
}

/// The pattern fits the name or one of the login mappings; an empty one fits all.
fn fits(call: &Call<'_>, context: &Context) -> bool {
    call.body.filled("search_pattern").is_none_or(|pattern| {
        like_ignoring_case(pattern, &context.name)
            || context.mappings.iter().any(|mapping| like_ignoring_case(pattern, mapping))
    })
}

fn on_filestore(call: &Call<'_>, context: &Context) -> bool {
    let wanted = call.body.object("fs").and_then(|store| store.number("id")).unwrap_or(FILESTORE);
    context.filestore == wanted
}

/// Offset and length as decimal texts; checked before the credentials.
fn page(call: &Call<'_>) -> Result<(usize, usize), Fault> {
    let number = |name| -> Result<i64, Fault> {
        let text = call.body.text(name).unwrap_or_default();
        text.trim().parse().map_err(|_| Fault { suffixes: 0, ..Fault::storage("Invalid integer parameter") })
    };
    let (offset, length) = (number("offset")?, number("length")?);
    Ok(match usize::try_from(length) {
        Ok(length) => (usize::try_from(offset).unwrap_or_default(), length),
        // A negative length means everything from the start.
        Err(_) => (0, usize::MAX),
    })
}

fn hits(call: &Call<'_>, page: Option<(usize, usize)>, hit: impl Fn(&Context) -> bool) -> Result<Answer, Fault> {
    call.require_master()?;
    let (offset, length) = page.unwrap_or((0, usize::MAX));
    let tenants = call.world.contexts();
    let records = tenants.iter().filter_map(|tenant| {
        let context = tenant.state();
        hit(&context).then(|| record(&context, true))
    });
    Ok(Answer::Records(records.skip(offset).take(length).collect()))
}
