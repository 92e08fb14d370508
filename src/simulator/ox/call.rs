//! One call on its way through a service.

use super::fault::{Exception, Fault};
use super::options::OxOptions;
use super::record::Record;
use super::world::{Context, User, World};

/// A request that was read, and what it may touch.
pub struct Call<'a> {
    /// The state of the server.
    pub world: &'a World,
    /// The settings at the time of the call.
    pub options: &'a OxOptions,
    /// The children of the operation element.
    pub body: Record,
}

impl Call<'_> {
    /// Login and password; both empty if there is no `auth`.
    pub fn credentials(&self) -> (&str, &str) {
        let auth = self.body.object("auth");
        let text = |name| auth.and_then(|auth| auth.text(name)).unwrap_or_default();
        (text("login"), text("password"))
    }

    /// Whether the credentials are those of the master admin.
    pub fn is_master(&self) -> bool {
        self.credentials() == (&self.options.master_login, &self.options.master_password)
    }

    /// Refuses everybody but the master admin.
    pub fn require_master(&self) -> Result<(), Fault> {
        if self.is_master() { Ok(()) } else { Err(Fault::authentication()) }
    }

    /// As [`Self::require_master`], for calls that look at the element itself.
    pub fn require_master_given(&self) -> Result<(), Fault> {
        if !self.body.has("auth") {
            return Err(Fault::credentials("credential object is null"));
        }
        self.require_master()
    }

    /// The id of the context in a child of the operation.
    pub fn context_id(&self, field: &str) -> Option<i64> {
        self.body.object(field)?.number("id").filter(|id| *id != 0)
    }

    /// Does something in the context of the call as its admin. An unknown context looks like wrong credentials.
    pub fn as_admin<T>(&self, act: impl FnOnce(&mut Context) -> Result<T, Fault>) -> Result<T, Fault> {
        let id = self.context_id("ctx").ok_or_else(|| Fault::credentials("Client sent invalid context data object"))?;
        self.as_admin_of(id, act)
    }

    /// Does something in a context as its admin.
    pub fn as_admin_of<T>(&self, id: i64, act: impl FnOnce(&mut Context) -> Result<T, Fault>) -> Result<T, Fault> {
        let tenant = self.world.context(id).ok_or_else(Fault::authentication)?;
        let mut context = tenant.state();
        self.require_admin(&context)?;
        act(&mut context)
    }

    /// Refuses everybody but the admin of the context.
    pub fn require_admin(&self, context: &Context) -> Result<(), Fault> {
        if self.is_admin(context) { Ok(()) } else { Err(Fault::authentication()) }
    }

    /// Whether the credentials are those of the admin of the context.
    pub fn is_admin(&self, context: &Context) -> bool {
        let (login, password) = self.credentials();
        context.admin().is_some_and(|admin| admin.name() == login && admin.password == password)
    }
}

/// The user that a `D:User` of a request names: by id, else by name.
pub fn find_user<'c>(context: &'c Context, sent: &Record) -> Result<&'c User, Fault> {
    let id = user_id(context, sent)?;
    context.users.get(id).ok_or_else(|| no_such_user(id, context.id))
}

/// The id that a `D:User` of a request names. A name is looked up, an id may be one that does not exist.
pub fn user_id(context: &Context, sent: &Record) -> Result<i64, Fault> {
    identity(sent, "user", Exception::NoSuchUser, context, |name| context.users.id_of(name))
}

/// The id that an object of a request names: its own, else that of its name.
pub fn identity(
    sent: &Record,
    what: &str,
    exception: Exception,
    context: &Context,
    find: impl FnOnce(&str) -> Option<i64>,
) -> Result<i64, Fault> {
    if let Some(id) = sent.number("id").filter(|id| *id != 0) {
        return Ok(id);
    }
    let Some(name) = sent.filled("name") else {
        return Err(Fault::invalid(format!("One {what}object has no {what}id or {what}name")));
    };
    find(name)
        .ok_or_else(|| Fault::not_found_by_name(exception, &format!("No such {what} {name} in context {}", context.id)))
}

/// The fault for a user that is not there.
pub fn no_such_user(user: impl std::fmt::Display, context: i64) -> Fault {
    Fault::no_user(format!("No such user {user} in context {context}"))
}
