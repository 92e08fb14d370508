//! Reads OX in bulk for verification: a section is one kind of thing in one context.
//!
//! Costs (`ox-soap.md` 6.1): users 2.2 ms each in pages of a hundred and a call for their rights, which OX gives only one by
//! one; everything else one call for all. All calls are reads, which wait for no lock.

mod correct;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::execute::Vault;
use super::handles;
use super::model::{
    ContextId, Deputy, Group, GroupId, ObservedAccount, ObservedContext, ObservedResource, ObservedUser,
    SharedPermission, UserId,
};
use super::rights::Rights;
use super::soap::shared_account::SharedAccount;
use super::soap::{
    Category, Login, OxFault, context, deputy, group, resource, secondary_account, shared_account, user,
};
use super::state::OxState;
use super::target::OxTarget;
use crate::engine::{Extent, Inventory};
use crate::state::Handle;
use crate::udm::ObjectType;

/// Numbers and contexts that one call lists.
const LIST: u32 = 500;

/// Calls for the rights of users that are made beside each other.
const BESIDE: usize = 4;

/// A part of OX that is read as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// All contexts.
    Contexts,
    /// Users of a context.
    Users(ContextId),
    /// Groups of a context.
    Groups(ContextId),
    /// Resources of a context.
    Resources(ContextId),
    /// Secondary mail accounts of the users of a context, by address.
    Accounts(ContextId),
    /// Shared accounts of a context.
    Shared(ContextId),
}

impl Section {
    fn context(self) -> Option<ContextId> {
        match self {
            Self::Contexts => None,
            Self::Users(context)
            | Self::Groups(context)
            | Self::Resources(context)
            | Self::Accounts(context)
            | Self::Shared(context) => Some(context),
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contexts => f.write_str("contexts"),
            Self::Users(context) => write!(f, "context {context}, users"),
            Self::Groups(context) => write!(f, "context {context}, groups"),
            Self::Resources(context) => write!(f, "context {context}, resources"),
            Self::Accounts(context) => write!(f, "context {context}, functional accounts"),
            Self::Shared(context) => write!(f, "context {context}, shared accounts"),
        }
    }
}

/// What identifies a thing in its section.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Its number.
    Number(u32),
    /// Its mail address in lower case.
    Address(Box<str>),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Key {
    fn number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Address(_) => None,
        }
    }
}

/// What OX holds under a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A context.
    Context(ObservedContext),
    /// A user with its rights and, where they are managed, its deputies.
    User(Box<ObservedUser>, Rights, Option<BTreeMap<UserId, Deputy>>),
    /// A group.
    Group(Group),
    /// A resource.
    Resource(ObservedResource),
    /// The secondary accounts with one address.
    Accounts(Box<str>, Vec<ObservedAccount>),
    /// A shared account with its permissions.
    Shared(Box<SharedAccount>, Vec<SharedPermission>),
}

/// What was read of a section at once.
#[derive(Debug)]
pub enum Listing {
    /// Items are read page by page, apart from these deputies by grantor.
    Paged(Option<BTreeMap<UserId, BTreeMap<UserId, Deputy>>>),
    /// All items.
    Items(BTreeMap<Key, Item>),
}

impl<V: Vault + 'static> Inventory for OxTarget<V> {
    type Section = Section;
    type Key = Key;
    type Listing = Listing;
    type Item = Item;

    fn sections(&self) -> Vec<Section> {
        vec![Section::Contexts]
    }

    fn sections_within(&self, section: &Section, key: &Key) -> Vec<Section> {
        let (Section::Contexts, Some(number)) = (section, key.number()) else { return Vec::new() };
        let context = ContextId(number);
        let mut sections = vec![Section::Users(context), Section::Groups(context), Section::Resources(context)];
        sections.push(Section::Accounts(context));
        if self.current().settings.features.shared_accounts.is_on() {
            sections.push(Section::Shared(context));
        }
        sections
    }

    fn kind(&self, section: &Section) -> ObjectType {
        match section {
            Section::Contexts => ObjectType::Context,
            Section::Users(_) => ObjectType::User,
            Section::Groups(_) => ObjectType::Group,
            Section::Resources(_) => ObjectType::Resource,
            Section::Accounts(_) => ObjectType::FunctionalAccount,
            Section::Shared(_) => ObjectType::SharedAccount,
        }
    }

    fn extent(&self, section: &Section) -> Extent {
        match section {
            Section::Groups(_) | Section::Accounts(_) => Extent::Part,
            _ => Extent::Whole,
        }
    }

    fn prefix(&self, section: &Section) -> Handle {
        match section {
            Section::Contexts => handles::contexts(),
            Section::Users(context) => handles::all(*context, "user"),
            Section::Groups(context) => handles::all(*context, "group"),
            Section::Resources(context) => handles::all(*context, "resource"),
            Section::Accounts(context) => handles::all(*context, "account"),
            Section::Shared(context) => handles::all(*context, "shared"),
        }
    }

    fn key(&self, section: &Section, handle: &Handle) -> Option<Key> {
        let name = handle.as_str().strip_prefix(self.prefix(section).as_str())?;
        match section {
            Section::Accounts(_) => Some(Key::Address(name.into())),
            _ => name.parse().ok().map(Key::Number),
        }
    }

    async fn list(&self, section: &Section) -> Result<(Vec<Key>, Listing), OxFault> {
        let listed = match *section {
            Section::Contexts => self.contexts().await.map(items),
            Section::Users(context) => self.user_keys(context).await,
            Section::Groups(context) => self.groups(context).await.map(items),
            Section::Resources(context) => self.resources(context).await.map(items),
            Section::Accounts(context) => self.accounts(context).await.map(items),
            Section::Shared(context) => self.shared_accounts(context).await.map(items),
        };
        match (listed, section.context()) {
            // With its administrator, OX does not tell a context that is gone from a wrong password.
            (Err(fault), Some(context))
                if matches!(fault.category(), Category::ContextMissing | Category::CredentialsRefused) =>
            {
                let exists = context::Exists { context };
                if self.executor().client().call(&exists, &self.executor().master()).await? {
                    return Err(fault);
                }
                Ok(items(BTreeMap::new()))
            }
            (listed, _) => listed,
        }
    }

    async fn read(&self, section: &Section, listing: &Listing, keys: &[Key]) -> Result<Vec<(Key, Item)>, OxFault> {
        match (listing, section) {
            (Listing::Items(items), _) => {
                Ok(keys.iter().filter_map(|key| Some((key.clone(), items.get(key)?.clone()))).collect())
            }
            (Listing::Paged(deputies), Section::Users(context)) => {
                self.users(*context, deputies.as_ref(), keys.iter().filter_map(Key::number).map(UserId).collect()).await
            }
            (Listing::Paged(_), _) => Ok(Vec::new()),
        }
    }

    fn is_same(&self, section: &Section, key: &Key, state: &OxState, item: &Item) -> bool {
        correct::is_same(*section, key, state, item)
    }

    fn names(&self, section: &Section, item: &Item) -> Vec<Handle> {
        correct::names(*section, item)
    }

    fn corrected(&self, section: &Section, state: &OxState, key: &Key, item: Option<&Item>) -> OxState {
        correct::corrected(*section, state, key, item)
    }

    fn taken_over(&self, section: &Section, state: &OxState, key: &Key, item: &Item) -> OxState {
        correct::taken_over(*section, state, key, item)
    }
}

fn items(items: BTreeMap<Key, Item>) -> (Vec<Key>, Listing) {
    (items.keys().cloned().collect(), Listing::Items(items))
}

impl<V: Vault + 'static> OxTarget<V> {
    async fn contexts(&self) -> Result<BTreeMap<Key, Item>, OxFault> {
        let (client, master) = (self.executor().client(), self.executor().master());
        let mut all = BTreeMap::new();
        loop {
            let offset = u32::try_from(all.len()).unwrap_or(u32::MAX);
            let page = client.call(&context::ListPage { pattern: "*", offset, length: LIST }, &master).await?;
            let more = page.len() == LIST as usize;
            all.extend(page.into_iter().map(|(id, context)| (Key::Number(id.0), Item::Context(context))));
            if !more {
                return Ok(all);
            }
        }
    }

    async fn user_keys(&self, context: ContextId) -> Result<(Vec<Key>, Listing), OxFault> {
        let (client, admin) = (self.executor().client(), self.executor().admin(context)?);
        let mut ids = client.user_ids(context, &admin, LIST).await?;
        if let Some(own) = self.own(context, &admin).await? {
            ids.retain(|id| *id != own);
        }
        let deputies = if self.current().settings.features.deputies.is_on() {
            Some(client.call(&deputy::List { context }, &admin).await?)
        } else {
            None
        };
        Ok((ids.into_iter().map(|id| Key::Number(id.0)).collect(), Listing::Paged(deputies)))
    }

    /// The number of the administrator of a context.
    async fn own(&self, context: ContextId, admin: &Login) -> Result<Option<UserId>, OxFault> {
        let get = user::GetData { context, user: user::Key::Name(&admin.credentials.login) };
        match self.executor().client().call(&get, admin).await {
            Ok(found) => Ok(Some(found.id)),
            Err(fault) if fault.category() == Category::UserGone => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn users(
        &self,
        context: ContextId,
        deputies: Option<&BTreeMap<UserId, BTreeMap<UserId, Deputy>>>,
        ids: Vec<UserId>,
    ) -> Result<Vec<(Key, Item)>, OxFault> {
        let (client, admin) = (self.executor().client(), self.executor().admin(context)?);
        let chunk = ids.len();
        let mut users = client.users(context, &admin, ids, chunk);
        let mut found = Vec::with_capacity(chunk);
        while let Some(user) = users.next().await? {
            found.push(user);
        }
        let with_rights = stream::iter(found).map(|found| async {
            let rights = client.call(&user::GetRights { context, user: found.id }, &admin).await;
            match rights {
                Ok(rights) => {
                    let deputies = deputies.map(|all| all.get(&found.id).cloned().unwrap_or_default());
                    Ok(Some((Key::Number(found.id.0), Item::User(Box::new(found), rights, deputies))))
                }
                // Deleted a moment ago.
                Err(fault) if fault.category() == Category::UserGone => Ok(None),
                Err(fault) => Err(fault),
            }
        });
        with_rights.buffer_unordered(BESIDE).try_filter_map(|item| async { Ok(item) }).try_collect().await
    }

    async fn groups(&self, context: ContextId) -> Result<BTreeMap<Key, Item>, OxFault> {
        let groups =
            self.executor().client().call(&group::ListAll { context }, &self.executor().admin(context)?).await?;
        let made = groups.into_iter().filter(|group| group.id != GroupId::DEFAULT);
        Ok(made.map(|group| (Key::Number(group.id.0), Item::Group(group))).collect())
    }

    async fn resources(&self, context: ContextId) -> Result<BTreeMap<Key, Item>, OxFault> {
        let list = resource::ListAll { context };
        let resources = self.executor().client().call(&list, &self.executor().admin(context)?).await?;
        Ok(resources.into_iter().map(|one| (Key::Number(one.id.0), Item::Resource(one))).collect())
    }

    async fn accounts(&self, context: ContextId) -> Result<BTreeMap<Key, Item>, OxFault> {
        let list = secondary_account::List { context, users: &BTreeSet::new(), address: None };
        let accounts = self.executor().client().call(&list, &self.executor().admin(context)?).await?;
        let mut all = BTreeMap::<Key, Vec<ObservedAccount>>::new();
        for (address, account) in accounts {
            all.entry(Key::Address(address.to_lowercase().into())).or_default().push(account);
        }
        let item = |key: &Key, accounts| Item::Accounts(key.to_string().into(), accounts);
        Ok(all.into_iter().map(|(key, accounts)| (key.clone(), item(&key, accounts))).collect())
    }

    async fn shared_accounts(&self, context: ContextId) -> Result<BTreeMap<Key, Item>, OxFault> {
        let (client, admin, master) =
            (self.executor().client(), self.executor().admin(context)?, self.executor().master());
        let mut all = BTreeMap::new();
        // The list need not hold more than numbers and names.
        for listed in client.call(&shared_account::List { context }, &admin).await? {
            let account = shared_account::Key::Id(listed.id);
            let account = match client.call(&shared_account::GetData { context, account }, &admin).await {
                Ok(account) => account,
                Err(fault) if matches!(fault.category(), Category::Gone | Category::UserGone) => continue,
                Err(fault) => return Err(fault),
            };
            let permissions = shared_account::ListPermissions { context, account: account.id };
            let permissions = client.call(&permissions, &master).await?;
            all.insert(Key::Number(account.id.0), Item::Shared(Box::new(account), permissions));
        }
        Ok(all)
    }
}
