//! The services and their operations.

mod capabilities;
mod context;
mod context_create;
mod context_list;
mod deputy;
mod group;
mod resource;
mod resource_permissions;
mod secondary;
mod secondary_data;
mod shared;
mod user;
mod user_change;
mod user_copy;
mod user_create;
mod user_data;
mod user_list;
mod util;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::call::Call;
use super::fault::Fault;
use super::response::{Answer, Style};
use super::schema::{Feature, Field, Ns, Type};

/// What a call does to the server; decides about its latency and its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Changes nothing.
    Read,
    /// Takes the user lock of the context.
    UserWrite,
    /// Any other change.
    OtherWrite,
}

type Handler = fn(&mut Call<'_>) -> Result<Answer, Fault>;

/// An operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// Element name.
    pub name: &'static str,
    /// The children of the request element.
    pub input: Type,
    /// What it does to the server.
    pub class: Class,
    /// Whether it answers nothing.
    pub void: bool,
    /// The feature that brings it.
    pub feature: Option<Feature>,
    /// Does it.
    pub handler: Handler,
}

/// A service.
#[derive(Debug)]
pub struct Service {
    /// Last part of its URL.
    pub name: &'static str,
    /// Prefixes of its answers.
    pub style: &'static Style,
    /// The feature that brings it.
    pub feature: Option<Feature>,
    /// The child of the requests that names the context.
    pub context_field: &'static str,
    /// Its operations.
    pub operations: Vec<Operation>,
    index: HashMap<&'static str, usize>,
}

impl Service {
    fn new(name: &'static str, style: &'static Style, operations: Vec<Operation>) -> Self {
        let index = operations.iter().enumerate().map(|(at, operation)| (operation.name, at)).collect();
        Self { name, style, feature: None, context_field: "ctx", operations, index }
    }

    fn with(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    fn context_in(mut self, field: &'static str) -> Self {
        self.context_field = field;
        self
    }

    /// The operation with a name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(*self.index.get(name)?)
    }
}

/// An operation that changes nothing.
fn read<const N: usize>(name: &'static str, input: [Field; N], handler: Handler) -> Operation {
    let input = Type::new(name, Ns::Operation, Vec::from(input));
    Operation { name, input, class: Class::Read, void: false, feature: None, handler }
}

/// An operation with an answer that changes something.
fn write<const N: usize>(name: &'static str, class: Class, input: [Field; N], handler: Handler) -> Operation {
    Operation { class, ..read(name, input, handler) }
}

/// An operation without answer.
fn void<const N: usize>(name: &'static str, class: Class, input: [Field; N], handler: Handler) -> Operation {
    Operation { void: true, ..write(name, class, input, handler) }
}

static SERVICES: LazyLock<Vec<Service>> = LazyLock::new(|| {
    vec![
        user::service(),
        context::service(),
        group::service(),
        resource::service(),
        secondary::service(),
        user_copy::service(),
        util::service(),
        deputy::service(),
        shared::service(),
    ]
});

/// All services, installed or not.
pub fn all() -> &'static [Service] {
    &SERVICES
}

/// The service with a name.
pub fn find(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}
