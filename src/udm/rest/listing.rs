//! Lists, read while they arrive.

use std::collections::VecDeque;

use reqwest::Response;

use crate::udm::Representation;

use super::client::{UdmClient, parse};
use super::elements::Elements;
use super::error::{Subject, UdmError};
use super::query::Query;

/// A list that is arriving. Only what arrived and was not taken yet is kept.
#[derive(Debug)]
pub struct Listing {
    subject: Subject,
    response: Response,
    elements: Elements,
    found: VecDeque<Vec<u8>>,
    ended: bool,
}

impl UdmClient {
    /// Asks for a list. Errors that come up on the way are told by [`Listing::next`]; the request is not repeated then.
    pub async fn list(&self, query: &Query) -> Result<Listing, UdmError> {
        let subject = Subject::List(query.kind);
        let mut url = self.of(query.kind);
        query.write(&mut url);
        let response = self.get(&subject, url).await?;
        Ok(Listing { subject, response, elements: Elements::default(), found: VecDeque::new(), ended: false })
    }
}

impl Listing {
    /// The next object; none when the list has ended completely.
    pub async fn next(&mut self) -> Result<Option<Representation>, UdmError> {
        loop {
            if let Some(element) = self.found.pop_front() {
                return parse(&self.subject, &element).map(Some);
            }
            if self.ended {
                return Ok(None);
            }
            let part = self.response.chunk().await.map_err(|error| UdmError::transport(&self.subject, &error))?;
            let step = match &part {
                Some(bytes) => self.elements.feed(bytes, &mut self.found),
                None => self.elements.finish(),
            };
            step.map_err(|reason| UdmError::no_list(&self.subject, reason))?;
            self.ended = part.is_none();
        }
    }

    /// All objects that are left. For lists that are known to be short.
    pub async fn collect(mut self) -> Result<Vec<Representation>, UdmError> {
        let mut all = Vec::new();
        while let Some(one) = self.next().await? {
            all.push(one);
        }
        Ok(all)
    }

    /// How many objects are left.
    pub async fn count(mut self) -> Result<u64, UdmError> {
        let mut count = 0;
        while self.next().await?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}
