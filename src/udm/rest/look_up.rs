//! Looking single objects up.

use std::collections::HashSet;

use reqwest::header::{ETAG, HeaderName, LOCATION};
use reqwest::{Method, Response, Url};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::udm::{IDENTIFIER, ObjectId, ObjectType, Representation};

use super::client::{Repeat, UdmClient, parse, read};
use super::error::{Category, Class, Subject, UdmError};
use super::filter::Filter;
use super::query::{Fields, Query};

/// The list of types (`udm-rest.md` 4).
#[derive(Deserialize)]
struct Root {
    #[serde(rename = "_links")]
    links: RootLinks,
}

#[derive(Deserialize)]
struct RootLinks {
    #[serde(rename = "udm:object-types")]
    types: Vec<TypeLink>,
}

#[derive(Deserialize)]
struct TypeLink {
    name: String,
}

/// An object as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The object.
    pub object: Representation,
    /// The version that was read: for [`super::Condition::Unchanged`].
    pub etag: Option<String>,
}

impl UdmClient {
    /// The types that the server knows, of those that matter here. Extensions bring some of them, so a type may be missing.
    pub async fn types(&self) -> Result<HashSet<ObjectType>, UdmError> {
        let root: Root = self.fetch(&Subject::Service, self.below(std::iter::once(""))).await?;
        Ok(root.links.types.iter().filter_map(|link| link.name.parse().ok()).collect())
    }

    /// The names of the properties that a type has at this server; none if it does not say that.
    pub async fn properties(&self, kind: ObjectType) -> Result<Option<Vec<String>>, UdmError> {
        #[derive(Deserialize)]
        struct Described {
            properties: Map<String, Value>,
        }
        let url = self.below(kind.as_str().split('/').chain(["properties"]));
        match self.fetch::<Described>(&Subject::List(kind), url).await {
            Ok(described) => Ok(Some(described.properties.into_iter().map(|(name, _)| name).collect())),
            Err(error) if error.class() == Class::Request || error.class() == Class::Protocol => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The object of a type with this identifier; none if there is none.
    pub async fn by_identifier(
        &self,
        kind: ObjectType,
        id: &ObjectId,
        fields: &Fields,
    ) -> Result<Option<Representation>, UdmError> {
        let query = Query { kind, filter: Filter::identifier(id), fields: fields.clone() };
        let found = async { self.list(&query).await?.collect().await };
        let found = found.await.map_err(|error| error.about(Subject::Object(kind, id.clone())))?;
        Ok(found.into_iter().next())
    }

    /// How many objects of a type there are that have one of these identifiers or, since older objects may be known by it, as
    /// `entryUUID`. Does not open the objects, so that it counts those as well that the server cannot read.
    pub async fn having(&self, kind: ObjectType, ids: &[ObjectId]) -> Result<u64, UdmError> {
        let is = |id: &ObjectId| [IDENTIFIER, "entryUUID"].map(|name| Filter::Is(name, id.as_str().to_owned()));
        let query = Query { kind, filter: Filter::Any(ids.iter().flat_map(is).collect()), fields: Fields::Names };
        self.list(&query).await?.count().await
    }

    /// The object with this distinguished name, spelled as the server spells it; none if there is none.
    pub async fn by_dn(&self, kind: ObjectType, dn: &str, fields: &Fields) -> Result<Option<Read>, UdmError> {
        self.object_at(kind, self.object(kind, dn), fields).await
    }

    /// The object whose LDAP entry has this `entryUUID`; none if there is none, or if it is of a type that does not matter here.
    pub async fn by_uuid(&self, uuid: &str, fields: &Fields) -> Result<Option<Read>, UdmError> {
        let url = self.below(["object", uuid].into_iter());
        let Some(response) =
            found(self.send(&Subject::Service, self.request(Method::GET, url), Repeat::Harmless).await)?
        else {
            return Ok(None);
        };
        // The link may carry another host and path than those by which the server is reached.
        let location = location(&response).unwrap_or_default();
        let at = ObjectType::all().find_map(|kind| {
            let (_, dn) = location.split_once(&format!("/{kind}/"))?;
            Some((kind, self.encoded(&format!("{kind}/{dn}"))?))
        });
        match at {
            Some((kind, url)) => self.object_at(kind, url, fields).await,
            None => Ok(None),
        }
    }

    async fn object_at(&self, kind: ObjectType, mut url: Url, fields: &Fields) -> Result<Option<Read>, UdmError> {
        let subject = Subject::Named(kind);
        fields.write(&mut url);
        let Some(response) = found(self.get(&subject, url).await)? else { return Ok(None) };
        let etag = header(&response, &ETAG);
        let body = read(&subject, response).await?;
        Ok(Some(Read { object: parse(&subject, &body)?, etag }))
    }
}

/// An answer, or none if there is no such object.
fn found(answer: Result<Response, UdmError>) -> Result<Option<Response>, UdmError> {
    match answer {
        Err(error) if error.category() == Category::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Where an answer says that something is.
pub(super) fn location(response: &Response) -> Option<String> {
    header(response, &LOCATION)
}

/// A header of an answer.
pub(super) fn header(response: &Response, name: &HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
