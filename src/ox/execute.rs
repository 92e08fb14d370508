//! Makes the calls of a plan and answers its questions, with the right credentials for each.

mod react;
mod vault;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;

pub use react::Response;
pub use vault::{Vault, VaultError};

use super::attribute::Attribute;
use super::model::{
    Call, ContextAdmin, ContextId, Effect, Fact, FieldValue, Guests, Megabytes, Query, SharedAccountId,
    SharedPermission, UserFields, UserId, UserRef,
};
use super::rights::Rights;
use super::soap::{
    Category, Client, Credentials, Login, Master, Operation, OxFault, context, deputy, group, random_password,
    resource, secondary_account, shared_account, user, user_copy,
};
use crate::engine::FaultClass;
use crate::failure_points::{FailurePoint, pass};

/// How long a deleted context is left alone before one of the same number is made.
///
/// OX answers before everything is gone, and a context made meanwhile can lose its administrator for good (`ox-soap.md` 5.2,
/// 6.5 rule 16).
const SETTLING: Duration = Duration::from_secs(5);

/// How many users are read in one call.
const CHUNK: usize = 100;

/// The numbers of what earlier calls of the same plan made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Of [`UserRef::Planned`].
    pub user: Option<UserId>,
    /// Of the shared account of the plan.
    pub shared: Option<SharedAccountId>,
}

impl Planned {
    fn user(self, user: UserRef) -> Result<UserId, OxFault> {
        match user {
            UserRef::Id(id) => Ok(id),
            UserRef::Planned => self.user.ok_or_else(|| unresolved("user")),
        }
    }

    fn users<'a>(self, users: impl IntoIterator<Item = &'a UserRef>) -> Result<BTreeSet<UserId>, OxFault> {
        users.into_iter().map(|user| self.user(*user)).collect()
    }

    fn shared(self, account: Option<SharedAccountId>) -> Result<SharedAccountId, OxFault> {
        account.or(self.shared).ok_or_else(|| unresolved("shared account"))
    }
}

fn unresolved(what: &str) -> OxFault {
    let message =
        format!("the plan refers to a {what} that it has not made: this is a mistake in oxherd, please report it");
    OxFault::own(FaultClass::Protocol, Category::Misunderstood, message)
}

/// Makes calls to one OX installation.
pub struct Executor<V> {
    client: Client,
    master: Arc<Master>,
    vault: V,
    settling: Duration,
    deleted: Mutex<HashMap<ContextId, Instant>>,
}

impl<V: Vault> Executor<V> {
    /// With this client, the master credentials, and the place where those of context administrators are kept.
    pub fn new(client: Client, master: Arc<Master>, vault: V) -> Self {
        Self { client, master, vault, settling: SETTLING, deleted: Mutex::new(HashMap::new()) }
    }

    /// Waits another time than 5 s between the deletion of a context and the creation of one of the same number.
    #[must_use]
    pub fn with_settling_time(self, settling: Duration) -> Self {
        Self { settling, ..self }
    }

    /// The client, for reading in bulk.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The login of the master administrator.
    pub fn master(&self) -> Login {
        self.master.login()
    }

    /// The login of the administrator of a context.
    pub fn admin(&self, context: ContextId) -> Result<Login, OxFault> {
        let credentials = self.vault.context_admin(context).ok_or_else(|| OxFault::no_credentials(context))?;
        Ok(Login::context_admin(context, credentials))
    }

    /// Makes a call.
    ///
    /// # Errors
    ///
    /// Whatever OX or the network answered; [`Executor::react`] says what a refusal means for the plan.
    pub async fn execute(&self, call: &Call, planned: Planned) -> Result<Effect, OxFault> {
        match call {
            Call::ContextCreate { context, name, quota, mappings, admin } => {
                self.create_context(*context, name, *quota, mappings, admin).await
            }
            Call::ContextChange { context, name, quota, mappings } => {
                let change = context::Change {
                    context: *context,
                    name: name.as_deref(),
                    quota: *quota,
                    mappings: mappings.as_deref(),
                };
                done(self.client.call(&change, &self.master.login()).await)
            }
            Call::ContextAccess { context, access } => {
                let switch = context::Access { context: *context, access: *access };
                done(self.client.call(&switch, &self.master.login()).await)
            }
            Call::ContextDelete { context } => self.delete_context(*context).await,
            Call::UserCreate { context, fields, rights, guests } => {
                self.create_user(*context, fields, *rights, *guests).await
            }
            Call::UserChange { context, user, fields } => {
                let secret = secret_for(fields)?;
                let user = planned.user(*user)?;
                self.admin_does(&user::Change { context: *context, user, fields, secret: secret.as_ref() }, *context)
                    .await
            }
            Call::UserRights { context, user, rights } => {
                let user = planned.user(*user)?;
                self.admin_does(&user::ChangeRights { context: *context, user, rights: *rights }, *context).await
            }
            Call::UserPersonal { context, user, personal } => {
                let user = planned.user(*user)?;
                self.admin_does(&user::ChangePersonal { context: *context, user, personal }, *context).await
            }
            Call::UserDelete { context, user } => {
                self.admin_does(&user::Delete { context: *context, user: *user }, *context).await
            }
            Call::UserCopy { user, name, from, to } => {
                let copy = user_copy::Copy { user: *user, name, from: *from, to: *to };
                let id = self.client.call(&copy, &self.master.login()).await?;
                Ok(Effect::Created(id.0))
            }
            Call::GroupCreate { .. }
            | Call::GroupChange { .. }
            | Call::GroupAdd { .. }
            | Call::GroupRemove { .. }
            | Call::GroupDelete { .. } => self.execute_group(call, planned).await,
            Call::ResourceCreate { context, fields } => {
                let create = resource::Create { context: *context, fields };
                let id = self.client.call(&create, &self.admin(*context)?).await?;
                Ok(Effect::Created(id.0))
            }
            Call::ResourceChange { context, resource, fields } => {
                let change = resource::Change { context: *context, resource: *resource, fields };
                self.admin_does(&change, *context).await
            }
            Call::ResourceDelete { context, resource } => {
                self.admin_does(&resource::Delete { context: *context, resource: *resource }, *context).await
            }
            Call::AccountCreate { .. } | Call::AccountUpdate { .. } | Call::AccountDelete { .. } => {
                self.execute_account(call, planned).await
            }
            Call::SharedCreate { .. }
            | Call::SharedChange { .. }
            | Call::SharedDelete { .. }
            | Call::SharedConvert { .. }
            | Call::SharedPermissions { .. } => self.execute_shared(call, planned).await,
            Call::DeputyGrant { .. }
            | Call::DeputyUpdate { .. }
            | Call::DeputyRevoke { .. }
            | Call::DeputyRevokeAll { .. }
            | Call::DeputyBlock { .. }
            | Call::DeputyUnblock { .. } => self.execute_deputy(call, planned).await,
        }
    }

    async fn execute_group(&self, call: &Call, planned: Planned) -> Result<Effect, OxFault> {
        match call {
            Call::GroupCreate { context, name, display_name, members } => {
                let create = group::Create { context: *context, name, display_name, members };
                let id = self.client.call(&create, &self.admin(*context)?).await?;
                Ok(Effect::Created(id.0))
            }
            Call::GroupChange { context, group, name, display_name, members } => {
                let change = group::Change { context: *context, group: *group, name, display_name, members };
                self.admin_does(&change, *context).await
            }
            Call::GroupAdd { context, group, members } | Call::GroupRemove { context, group, members } => {
                let members = &planned.users(members)?;
                if members.is_empty() {
                    return Ok(Effect::Done);
                }
                let direction = if matches!(call, Call::GroupAdd { .. }) { group::Move::In } else { group::Move::Out };
                let moved = group::MoveMembers { context: *context, group: *group, direction, members };
                self.admin_does(&moved, *context).await
            }
            Call::GroupDelete { context, group } => {
                self.admin_does(&group::Delete { context: *context, group: *group }, *context).await
            }
            _ => Ok(Effect::Done),
        }
    }

    async fn execute_account(&self, call: &Call, planned: Planned) -> Result<Effect, OxFault> {
        match call {
            Call::AccountCreate { context, address, name, personal, login, users } if !users.is_empty() => {
                let personal = personal.as_deref();
                let create = secondary_account::Create { context: *context, address, name, personal, login, users };
                self.admin_does(&create, *context).await
            }
            Call::AccountUpdate { context, address, name, personal, login, users } if !users.is_empty() => {
                let personal = personal.as_deref();
                let update = secondary_account::Update { context: *context, address, name, personal, login, users };
                if self.client.call(&update, &self.admin(*context)?).await? {
                    return Ok(Effect::Done);
                }
                Err(OxFault::own(FaultClass::Object, Category::Gone, "OX has none of the accounts to change"))
            }
            Call::AccountDelete { context, address, users } if !users.is_empty() => {
                let users = &planned.users(users)?;
                self.refuse_primary(*context, address, users).await?;
                self.admin_does(&secondary_account::Delete { context: *context, address, users }, *context).await
            }
            // For nobody: without users OX would refuse the call.
            _ => Ok(Effect::Done),
        }
    }

    /// Makes sure that an address is the primary one of none of these users: deleting the secondary account would delete
    /// their primary account, for good (`ox-soap.md` 6.5 rule 1).
    async fn refuse_primary(&self, context: ContextId, address: &str, users: &BTreeSet<UserId>) -> Result<(), OxFault> {
        let login = self.admin(context)?;
        let users: Vec<UserId> = users.iter().copied().collect();
        for users in users.chunks(CHUNK) {
            for user in self.client.call(&user::GetMultipleData { context, users }, &login).await? {
                let primary = user.fields.get(&Attribute::PRIMARY_EMAIL);
                if matches!(primary, Some(FieldValue::Text(text)) if text.to_lowercase() == address.to_lowercase()) {
                    let message = format!(
                        "the address of the functional account is the primary address of user {} in context {context}: \
                         deleting it would destroy his mailbox settings; give one of them another address",
                        user.id
                    );
                    return Err(OxFault::own(FaultClass::Object, Category::PrimaryAddress, message));
                }
            }
        }
        Ok(())
    }

    async fn execute_shared(&self, call: &Call, planned: Planned) -> Result<Effect, OxFault> {
        match call {
            Call::SharedCreate { context, fields } => {
                let secret = &new_secret()?;
                let create = shared_account::Create { context: *context, fields, secret };
                let id = self.client.call(&create, &self.admin(*context)?).await?;
                Ok(Effect::Created(id.0))
            }
            Call::SharedChange { context, account, fields } => {
                let secret = &new_secret()?;
                let change = shared_account::Change { context: *context, account: *account, fields, secret };
                self.admin_does(&change, *context).await
            }
            Call::SharedDelete { context, account, name } => {
                let delete = shared_account::Delete { context: *context, account: *account, name };
                self.admin_does(&delete, *context).await
            }
            Call::SharedConvert { context, user } => {
                self.admin_does(&shared_account::Convert { context: *context, user: *user }, *context).await
            }
            Call::SharedPermissions { context, account, permissions } => {
                let account = planned.shared(*account)?;
                let permissions = self.with_admins(permissions)?;
                let set = shared_account::SetPermissions { context: *context, account, permissions: &permissions };
                self.admin_does(&set, *context).await
            }
            _ => Ok(Effect::Done),
        }
    }

    /// Members can be in other contexts, whose administrators have to agree.
    fn with_admins(&self, permissions: &[SharedPermission]) -> Result<Vec<(SharedPermission, Login)>, OxFault> {
        permissions.iter().map(|permission| Ok((permission.clone(), self.admin(permission.context)?))).collect()
    }

    async fn execute_deputy(&self, call: &Call, planned: Planned) -> Result<Effect, OxFault> {
        match call {
            Call::DeputyGrant { context, grantor, deputy, permission } => {
                let grantor = planned.user(*grantor)?;
                let grant = deputy::Grant { context: *context, grantor, deputy: *deputy, permission: *permission };
                let name = self.client.call(&grant, &self.admin(*context)?).await?;
                Ok(Effect::Granted(name))
            }
            Call::DeputyUpdate { context, grantor, grant, deputy, permission } => {
                let grantor = planned.user(*grantor)?;
                let (context, deputy) = (*context, *deputy);
                let update = deputy::Update { context, grantor, grant, deputy, permission: *permission };
                self.admin_does(&update, context).await
            }
            Call::DeputyRevoke { context, grantor, grant, .. } => {
                let grantor = planned.user(*grantor)?;
                self.admin_does(&deputy::Revoke { context: *context, grantor, grant }, *context).await
            }
            Call::DeputyRevokeAll { context, grantor } => {
                let grantor = planned.user(*grantor)?;
                self.admin_does(&deputy::RevokeAll { context: *context, grantor }, *context).await
            }
            Call::DeputyBlock { context, grantor } => {
                let grantor = planned.user(*grantor)?;
                self.admin_does(&deputy::Block { context: *context, grantor }, *context).await
            }
            Call::DeputyUnblock { context, grantor } => {
                let grantor = planned.user(*grantor)?;
                self.admin_does(&deputy::Unblock { context: *context, grantor }, *context).await
            }
            _ => Ok(Effect::Done),
        }
    }

    async fn admin_does<O: Operation>(&self, operation: &O, context: ContextId) -> Result<Effect, OxFault> {
        done(self.client.call(operation, &self.admin(context)?).await)
    }

    async fn create_user(
        &self,
        context: ContextId,
        fields: &UserFields,
        rights: Option<Rights>,
        guests: Guests,
    ) -> Result<Effect, OxFault> {
        let secret = secret_for(fields)?;
        let create = user::Create { context, fields, rights, guests, secret: secret.as_ref() };
        let id = self.client.call(&create, &self.admin(context)?).await?;
        Ok(Effect::Created(id.0))
    }

    /// The password is durable before OX hears of it; a crash in between leaves one that the next try uses.
    async fn create_context(
        &self,
        context: ContextId,
        name: &str,
        quota: Megabytes,
        mappings: &[String],
        admin: &ContextAdmin,
    ) -> Result<Effect, OxFault> {
        self.let_deletion_settle(context).await;
        let known = self.vault.context_admin(context);
        let password = match &known {
            Some(known) => known.password.clone(),
            None => new_secret()?,
        };
        let credentials = Credentials { login: admin.name.clone(), password };
        if known.as_ref() != Some(&credentials) {
            self.vault.store_context_admin(context, &credentials).await.map_err(|error| vault_fault(&error))?;
            pass(FailurePoint::CredentialsStored);
        }
        let password = &credentials.password;
        let create = context::Create { context, name, quota, mappings, admin, password };
        if let Err(fault) = self.client.call(&create, &self.master.login()).await {
            if fault.category() == Category::ContextExists {
                // Then the context was not made with these credentials, unless they were there before.
                let restored = match &known {
                    Some(known) if *known == credentials => Ok(()),
                    Some(known) => self.vault.store_context_admin(context, known).await,
                    None => self.vault.remove_context_admin(context).await,
                };
                restored.map_err(|error| vault_fault(&error))?;
            }
            return Err(fault);
        }
        pass(FailurePoint::ContextCreated);
        let login = Login::context_admin(context, credentials);
        match self.client.call(&context::GetData { context }, &login).await {
            Err(fault) if fault.category() == Category::CredentialsRefused => {
                let message = format!(
                    "context {context} was created, but its administrator cannot log in, as happens when a context of \
                     the same number was deleted a moment before: delete it in OX, wait a minute and retry"
                );
                Err(OxFault::own(FaultClass::Object, Category::ContextBroken, message))
            }
            // That it cannot be checked now is no reason to forget that it was created.
            _ => Ok(Effect::Done),
        }
    }

    async fn delete_context(&self, context: ContextId) -> Result<Effect, OxFault> {
        match self.client.call(&context::Delete { context }, &self.master.login()).await {
            Err(fault) if fault.category() != Category::ContextMissing => return Err(fault),
            _ => {}
        }
        pass(FailurePoint::ContextDeleted);
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner).insert(context, Instant::now());
        self.vault.remove_context_admin(context).await.map_err(|error| vault_fault(&error))?;
        Ok(Effect::Done)
    }

    async fn let_deletion_settle(&self, context: ContextId) {
        let deleted = {
            let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
            deleted.retain(|_, at| at.elapsed() < self.settling);
            deleted.get(&context).copied()
        };
        if let Some(at) = deleted {
            tokio::time::sleep(self.settling.saturating_sub(at.elapsed())).await;
        }
    }

    /// Answers a question. Changes nothing.
    ///
    /// # Errors
    ///
    /// Whatever OX or the network answered, except that what is asked for does not exist.
    pub async fn observe(&self, query: &Query) -> Result<Fact, OxFault> {
        match query {
            Query::Context { context } => {
                let context = *context;
                let found = self.context(context).await?;
                Ok(Fact::Context { context, found })
            }
            Query::UserNamed { context, name } => {
                let context = *context;
                let get = user::GetData { context, user: user::Key::Name(name) };
                let found = unless(Category::UserGone, self.client.call(&get, &self.admin(context)?).await)?;
                Ok(Fact::UserNamed { context, name: name.clone(), found })
            }
            Query::UserById { context, user } => {
                let (context, user) = (*context, *user);
                let get = user::GetData { context, user: user::Key::Id(user) };
                let found = unless(Category::UserGone, self.client.call(&get, &self.admin(context)?).await)?;
                Ok(Fact::UserById { context, user, found })
            }
            Query::GroupNamed { context, name } => {
                let context = *context;
                let get = group::GetData { context, group: group::Key::Name(name) };
                let found = unless(Category::GroupGone, self.client.call(&get, &self.admin(context)?).await)?;
                Ok(Fact::GroupNamed { context, name: name.clone(), found })
            }
            Query::ResourceNamed { context, name } => {
                let context = *context;
                let get = resource::GetData { context, resource: resource::Key::Name(name) };
                let found = unless(Category::ResourceGone, self.client.call(&get, &self.admin(context)?).await)?;
                Ok(Fact::ResourceNamed { context, name: name.clone(), found })
            }
            Query::SharedNamed { context, name } => {
                let context = *context;
                let get = shared_account::GetData { context, account: shared_account::Key::Name(name) };
                let found = match self.client.call(&get, &self.admin(context)?).await {
                    Ok(account) => Some(account.id),
                    Err(fault) if react::is_gone(&fault) => None,
                    Err(fault) => return Err(fault),
                };
                Ok(Fact::SharedNamed { context, name: name.clone(), found })
            }
            Query::Accounts { context, address } => {
                let context = *context;
                let list = secondary_account::List { context, users: &BTreeSet::new(), address: Some(address) };
                let found = self.client.call(&list, &self.admin(context)?).await?;
                let found = found.into_iter().map(|(_, account)| account).collect();
                Ok(Fact::Accounts { context, address: address.clone(), found })
            }
            Query::Deputies { context, grantor } => {
                let (context, grantor) = (*context, *grantor);
                let mut all = self.client.call(&deputy::List { context }, &self.admin(context)?).await?;
                Ok(Fact::Deputies { context, grantor, found: all.remove(&grantor).unwrap_or_default() })
            }
        }
    }

    /// Reads a context. Its own administrator may do that and costs OX a tenth of the master (`ox-soap.md` 6.5 rule 10);
    /// only the master can tell that the context does not exist.
    async fn context(&self, context: ContextId) -> Result<Option<super::model::ObservedContext>, OxFault> {
        let get = context::GetData { context };
        if let Ok(admin) = self.admin(context) {
            match self.client.call(&get, &admin).await {
                Err(fault) if matches!(fault.category(), Category::CredentialsRefused | Category::ContextMissing) => {}
                other => return other.map(Some),
            }
        }
        unless(Category::ContextMissing, self.client.call(&get, &self.master.login()).await)
    }

    /// A cheap call that shows whether OX works: server, database of contexts and master credentials.
    pub async fn probe(&self) -> Result<(), OxFault> {
        // It does not matter which context, nor whether it exists.
        self.client.call(&context::Exists { context: ContextId(1) }, &self.master.login()).await.map(drop)
    }
}

fn done<T>(answer: Result<T, OxFault>) -> Result<Effect, OxFault> {
    answer.map(|_| Effect::Done)
}

/// Takes a failure of this category as "there is none".
fn unless<T>(absent: Category, answer: Result<T, OxFault>) -> Result<Option<T>, OxFault> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.category() == absent => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn new_secret() -> Result<SecretString, OxFault> {
    random_password().map_err(|error| OxFault::own(FaultClass::World, Category::NoRandomness, error.to_string()))
}

/// A password, if a field asks for one.
fn secret_for(fields: &UserFields) -> Result<Option<SecretString>, OxFault> {
    let wanted = fields.values().any(|value| *value == FieldValue::GeneratedSecret);
    wanted.then(new_secret).transpose()
}

/// A vault that fails is nothing that is wrong with the object, and everything that needs no new credentials goes on.
fn vault_fault(error: &VaultError) -> OxFault {
    OxFault::own(FaultClass::Busy, Category::VaultFailed, error.to_string())
}
