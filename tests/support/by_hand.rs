//! What somebody else does in OX behind the back of the connector.

#![allow(dead_code, reason = "each test file uses its own part")]

use crate::simulator_support::soap;
use crate::world::World;

/// The administrator of a context at work.
pub struct Hand<'w> {
    world: &'w World,
    context: i64,
    auth: String,
}

impl World {
    /// Somebody acts as administrator of a context.
    pub fn by_hand(&self, context: i64) -> Hand<'_> {
        let dump = self.ox.dump_with_passwords();
        let admin = &dump["contexts"][context.to_string()]["users"]["2"];
        let auth = format!(
            "<s:auth><r:login>{}</r:login><r:password>{}</r:password></s:auth>",
            admin["data"]["name"].as_str().unwrap(),
            admin["password"].as_str().unwrap()
        );
        Hand { world: self, context, auth }
    }

    /// The master administrator changes fields of a context.
    pub async fn change_context_by_hand(&self, id: i64, fields: &str) {
        let children = format!("<s:ctx><d:id>{id}</d:id>{fields}</s:ctx>{}", soap::MASTER);
        soap::call(self.address(), "OXContextService", "change", &children).await.unwrap();
    }

    /// The master administrator deletes a context.
    pub async fn delete_context_by_hand(&self, id: i64) {
        let children = format!("{}{}", soap::ctx(id), soap::MASTER);
        soap::call(self.address(), "OXContextService", "delete", &children).await.unwrap();
    }
}

impl Hand<'_> {
    /// Makes any call.
    pub async fn call(&self, service: &str, operation: &str, children: &str) -> i64 {
        let children = format!("{}{children}{}", soap::ctx(self.context), self.auth);
        let answer = soap::call(self.world.address(), service, operation, &children).await.unwrap();
        answer.text_of("id").and_then(|id| id.parse().ok()).unwrap_or_default()
    }

    /// Makes a user with the address of the directory user of that name.
    pub async fn create_user(&self, name: &str, fields: &str) -> i64 {
        let user = soap::user(name).replace("@school.example", "@test.example");
        self.call("OXUserService", "create", &format!("<s:usrdata>{user}{fields}</s:usrdata>")).await
    }

    /// Changes fields of a user.
    pub async fn change_user(&self, id: i64, fields: &str) {
        self.call("OXUserService", "change", &format!("<s:usrdata><d:id>{id}</d:id>{fields}</s:usrdata>")).await;
    }

    /// Deletes a user.
    pub async fn delete_user(&self, id: i64) {
        self.call("OXUserService", "delete", &format!("<s:user><d:id>{id}</d:id></s:user>")).await;
    }

    /// Makes a group.
    pub async fn create_group(&self, name: &str, members: &[i64]) -> i64 {
        let members = members.iter().map(|id| format!("<d:members>{id}</d:members>")).collect::<Vec<_>>().concat();
        let grp = format!("<s:grp><d:displayname>{name}</d:displayname>{members}<d:name>{name}</d:name></s:grp>");
        self.call("OXGroupService", "create", &grp).await
    }

    /// Makes a resource.
    pub async fn create_resource(&self, name: &str) -> i64 {
        let res = format!(
            "<s:res><d:available>true</d:available><d:displayname>{name}</d:displayname>\
             <d:email>{name}@test.example</d:email><d:name>{name}</d:name></s:res>"
        );
        self.call("OXResourceService", "create", &res).await
    }

    /// Deletes a group.
    pub async fn delete_group(&self, id: i64) {
        self.call("OXGroupService", "delete", &format!("<s:grp><d:id>{id}</d:id></s:grp>")).await;
    }

    /// Changes the secondary accounts of a user, or removes them: `update` or `delete` with the fields between.
    pub async fn account(&self, operation: &str, address: &str, data: &str, user: i64) {
        let children = format!(
            "<s:primaryAddress>{address}</s:primaryAddress>{data}<s:context><d:id>{}</d:id></s:context>\
             <s:users><d:id>{user}</d:id></s:users>{}",
            self.context, self.auth
        );
        soap::call(self.world.address(), "OXSecondaryAccountService", operation, &children).await.unwrap();
    }

    /// A user makes a deputy of another in the user interface.
    pub async fn grant_deputy(&self, grantor: i64, deputy: i64) {
        let module = "<d:modulePermissions><d:moduleId>mail</d:moduleId><d:admin>false</d:admin>\
            <d:folderPermission>2</d:folderPermission><d:readPermission>4</d:readPermission>\
            <d:writePermission>0</d:writePermission><d:deletePermission>0</d:deletePermission></d:modulePermissions>";
        let children = format!(
            "<s:context><d:id>{}</d:id></s:context><s:user><d:id>{grantor}</d:id></s:user><s:deputyPermission>\
             <d:userId>{deputy}</d:userId><d:sendOnBehalfOf>false</d:sendOnBehalfOf>{module}</s:deputyPermission>{}",
            self.context, self.auth
        );
        soap::call(self.world.address(), "OXDeputyPermissionsService", "grant", &children).await.unwrap();
    }
}
