//! `OXUtilService`: the installation itself.

use super::envelope::Envelope;
use super::operation::{Kind, Operation, Service};
use super::reader::{Answer, Unreadable};
use crate::ox::model::ContextId;

/// `getVersion`, for instance `8.35.276`. Servers before about that version do not know the operation.
pub struct GetVersion;

impl Operation for GetVersion {
    type Answer = String;
    const SERVICE: Service = Service::Util;
    const KIND: Kind = Kind::Read;

    fn name(&self) -> &'static str {
        "getVersion"
    }

    fn context(&self) -> Option<ContextId> {
        None
    }

    fn write(&self, out: &mut Envelope<'_>) {
        out.auth();
    }

    fn read(&self, answer: &mut Answer<'_>) -> Result<String, Unreadable> {
        answer.one(|reader, element| Ok(reader.text(element)?.trim().to_owned()))
    }
}
