//! Groups: I.3.

use crate::directory::{group, user};
use crate::world::{GroupView, World};

#[tokio::test]
async fn i3_ignore_group() {
    let mut world = World::start().await;
    world.apply([user("u"), group("g", &["u"]).disabled()]).await;
    assert_eq!(world.group(10, "g"), None);
}

#[tokio::test]
async fn i3_enable_and_disable_group() {
    let mut world = World::start().await;
    let group = group("g", &["u", "v"]);
    world.apply([user("u"), user("v").context(20)]).await;
    for (state, there) in [(group.clone().disabled(), false), (group.clone(), true), (group.clone().disabled(), false)]
    {
        world.apply([state]).await;
        assert_eq!([world.group(10, "g").is_some(), world.group(20, "g").is_some()], [there, there]);
    }
}

#[tokio::test]
async fn i3_add_group_with_one_user() {
    let mut world = World::start().await;
    world.apply([user("u"), group("g", &["u"])]).await;
    let GroupView { display_name, members, .. } = world.group(10, "g").unwrap();
    assert_eq!((display_name.as_str(), members), ("g", vec!["u".to_owned()]));
    assert_eq!(world.group(20, "g"), None);
}

#[tokio::test]
async fn i3_add_group_with_one_enabled_user_and_one_disabled() {
    let mut world = World::start().await;
    world.apply([user("u"), user("v").disabled(), group("g", &["u", "v"])]).await;
    assert_eq!(world.members(10, "g"), ["u"]);
}

#[tokio::test]
async fn i3_change_context_for_group_multi_user() {
    let mut world = World::start().await;
    world.apply([user("u"), user("u1"), user("u2").context(20), group("g", &["u", "u1", "u2"])]).await;
    assert_eq!((world.members(10, "g").len(), world.members(20, "g").len()), (2, 1));
    world.apply([user("u").context(20)]).await;
    assert_eq!((world.members(10, "g"), world.members(20, "g")), (vec!["u1".into()], vec!["u".into(), "u2".into()]));
}

#[tokio::test]
async fn i3_change_context_for_group_user() {
    let mut world = World::start().await;
    world.apply([user("u"), group("g", &["u"])]).await;
    world.apply([user("u").context(20)]).await;
    assert_eq!((world.group(10, "g"), world.members(20, "g")), (None, vec!["u".to_owned()]));
}

#[tokio::test]
async fn i3_rename_group() {
    let mut world = World::start().await;
    world.apply([user("u"), group("g", &["u"])]).await;
    let id = world.group(10, "g").unwrap().id;
    world.apply([group("g", &["u"]).renamed("new")]).await;
    let renamed = world.group(10, "new").unwrap();
    assert_eq!((renamed.id, renamed.display_name.as_str()), (id, "new"));
    assert_eq!(world.group(10, "g"), None);
}

#[tokio::test]
async fn i3_add_group_with_multiple_users_and_contexts() {
    let mut world = World::start().await;
    world.apply([user("a"), user("b").context(20), user("c").context(20), group("g", &["a", "b", "c"])]).await;
    assert_eq!((world.members(10, "g").len(), world.members(20, "g").len()), (1, 2));
}

#[tokio::test]
async fn i3_modify_group_and_j16_display_name_is_the_udm_name() {
    let mut world = World::with(|setup| setup.spec = serde_json::json!({"identifiers": {"group": "entryUUID"}})).await;
    world.apply([user("u"), group("g", &["u"])]).await;
    world.apply([group("g", &["u"]).renamed("xgx")]).await;
    let group = world.group(10, "group-g").expect("named by its identifier");
    assert_eq!((group.display_name.as_str(), group.members.len()), ("xgx", 1));
}

#[tokio::test]
async fn i3_rename_user() {
    let mut world = World::start().await;
    world.apply([user("u"), group("g", &["u"])]).await;
    let id = world.id(10, "u");
    // The directory renames the user and then corrects the group.
    world.apply([user("u").renamed("v"), group("g", &["v"])]).await;
    assert_eq!((world.members(10, "g"), world.id(10, "v")), (vec!["v".to_owned()], id));
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i3_remove_user() {
    let mut world = World::start().await;
    world.apply([user("a"), user("b"), group("g", &["a", "b"])]).await;
    world.delete([user("a")]).await;
    assert_eq!(world.members(10, "g"), ["b"]);
    world.apply([group("g", &["b"])]).await;
    assert_eq!(world.members(10, "g"), ["b"]);
    world.delete([user("b")]).await;
    assert_eq!((world.group(10, "g"), world.parked().await), (None, vec![]));
}

#[tokio::test]
async fn i3_remove_group() {
    let mut world = World::start().await;
    world.apply([user("a"), user("b").context(20), group("g", &["a", "b"])]).await;
    world.delete([group("g", &[])]).await;
    assert_eq!((world.group(10, "g"), world.group(20, "g")), (None, None));
}

#[tokio::test]
async fn i3_remove_last_member_of_groups_with_one_and_two_members() {
    for members in [vec!["a"], vec!["a", "b"]] {
        let mut world = World::start().await;
        world.apply(members.iter().map(|name| user(name)).chain([group("g", &members)])).await;
        for name in &members {
            assert!(world.group(10, "g").is_some());
            world.delete([user(name)]).await;
        }
        assert_eq!(world.group(10, "g"), None);
    }
}

#[tokio::test]
async fn i10_missing_user_cache_entry_j6_a_late_member_joins_by_itself() {
    let mut world = World::start().await;
    world.apply([group("g", &["late", "anna"]), user("anna")]).await;
    assert_eq!(world.members(10, "g"), ["anna"]);
    world.apply([user("late")]).await;
    assert_eq!(world.members(10, "g"), ["anna", "late"]);
}

#[tokio::test]
async fn j15_a_group_called_users_is_never_touched_in_any_case() {
    let mut world = World::start().await;
    world.apply([user("u")]).await;
    let before = world.context(10).unwrap()["groups"].clone();
    for name in ["users", "Users", "USERS"] {
        let group = group(name, &["u"]);
        world.apply([group.clone()]).await;
        world.apply([group.clone().members(&[])]).await;
        world.delete([group]).await;
    }
    assert_eq!(world.context(10).unwrap()["groups"], before);
    assert_eq!(world.parked().await, []);
}

#[tokio::test]
async fn i11_get_group_objs_is_a_group_in_each_context_of_its_members() {
    for (members, ten, twenty) in [
        (vec!["a", "a2"], 2, 0),
        (vec!["a", "b"], 1, 1),
        (vec!["unknown", "b"], 0, 1),
        (vec!["unknown"], 0, 0),
        (vec![], 0, 0),
    ] {
        let mut world = World::start().await;
        world.apply([user("a"), user("a2"), user("b").context(20), group("g", &members)]).await;
        assert_eq!((world.members(10, "g").len(), world.members(20, "g").len()), (ten, twenty), "{members:?}");
    }
}

#[tokio::test]
async fn a_group_that_ox_has_already_is_taken_over_and_one_that_vanished_is_made_again() {
    let mut world = World::start().await;
    world.apply([user("a"), user("b")]).await;
    let id = world.by_hand(10).create_group("g", &[world.id(10, "a")]).await;
    world.apply([group("g", &["a", "b"])]).await;
    let group_now = world.group(10, "g").unwrap();
    assert_eq!((group_now.id, group_now.members.len()), (id, 2));

    world.by_hand(10).delete_group(id).await;
    world.apply([group("g", &["b"])]).await;
    assert_eq!(world.members(10, "g"), ["b"]);
    assert_eq!(world.parked().await, []);
}
