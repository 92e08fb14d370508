//! Links: in the body under `_links`, in the head as `Link` and `Link-Template`.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::call::Call;
use crate::simulator::http::encode;
use crate::simulator::nubus::directory::{Json, Kind, Module, Snapshot};

/// A link.
#[derive(Clone, Debug)]
pub struct Link {
    rel: String,
    href: String,
    name: Option<String>,
    title: Option<String>,
    method: Option<&'static str>,
    media_type: Option<&'static str>,
    templated: bool,
}

impl Link {
    /// A link with nothing but a target.
    pub fn new(rel: &str, href: String) -> Self {
        let rel = rel.to_owned();
        Self { rel, href, name: None, title: None, method: None, media_type: None, templated: false }
    }

    /// The same with a title.
    #[must_use]
    pub fn title(self, title: &str) -> Self {
        Self { title: Some(title.to_owned()), ..self }
    }

    /// The same with a name.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    fn method(self, method: &'static str) -> Self {
        Self { method: Some(method), ..self }
    }

    fn media_type(self, media_type: &'static str) -> Self {
        Self { media_type: Some(media_type), ..self }
    }

    fn templated(self) -> Self {
        Self { templated: true, ..self }
    }

    /// The field of the head; references of an object have none.
    pub fn header(&self) -> Option<(&'static str, String)> {
        if self.rel.starts_with("udm:object/property/reference/") {
            return None;
        }
        let mut text = format!("<{}>; rel=\"{}\"", self.href, self.rel);
        for (field, value) in [("name", &self.name), ("title", &self.title)] {
            if let Some(value) = value {
                let _ = write!(text, "; {field}=\"{value}\"");
            }
        }
        Some((if self.templated { "Link-Template" } else { "Link" }, text))
    }

    fn value(&self) -> Value {
        let mut link = Map::new();
        let mut put = |field: &str, value: Option<&str>| {
            if let Some(value) = value {
                link.insert(field.to_owned(), Value::String(value.to_owned()));
            }
        };
        put("name", self.name.as_deref());
        put("title", self.title.as_deref());
        put("method", self.method);
        put("type", self.media_type);
        put("href", Some(&self.href));
        if self.templated {
            link.insert("templated".to_owned(), Value::Bool(true));
        }
        Value::Object(link)
    }

    /// Writes `_links`, relations in the order of their first link.
    pub fn write(links: &[Self], json: &mut Json<'_>) {
        let mut relations: Vec<(&str, Vec<Value>)> = Vec::new();
        for link in links {
            match relations.iter_mut().find(|(rel, _)| *rel == link.rel) {
                Some((_, values)) => values.push(link.value()),
                None => relations.push((&link.rel, vec![link.value()])),
            }
        }
        let mut object = Json::open(json.key("_links"));
        for (rel, values) in &relations {
            object.field(rel, values);
        }
        object.close();
    }
}

/// The link that explains the prefix `udm:`.
pub fn curies(root: &str) -> Link {
    Link::new("curies", format!("{root}/relation/{{rel}}")).name("udm").templated()
}

fn group_of(module: &Module) -> &str {
    module.name.split('/').next().unwrap_or_default()
}

/// The links of an object.
pub fn of_object(call: &Call<'_>, snapshot: &Snapshot, dn: &str, named: bool) -> Vec<Link> {
    let kind = snapshot.object.kind;
    let (module, root) = (kind.module(), &call.root);
    let (here, of_type) = (call.url(kind, dn), format!("{root}/{kind}/"));
    let mut links = vec![
        Link::new("udm:object-modules", format!("{root}/")).title("All modules"),
        Link::new("udm:object-module", format!("{root}/{}/", group_of(module))).name(module.name).title(module.plural),
        Link::new("type", of_type.clone()).name(module.name).title(module.title),
        Link::new("up", of_type.clone()).name(module.name).title(module.title),
        Link::new("self", here.clone()).title(dn),
        Link::new("describedby", here.clone()).title(&format!("{kind} module")).method("OPTIONS"),
        Link::new("icon", format!("{of_type}favicon.ico")).media_type("image/x-icon"),
        Link::new("udm:object/remove", here.clone()).method("DELETE"),
        Link::new("udm:object/edit", here.clone()).method("PUT"),
        Link::new("edit-form", format!("{here}/edit")).title(&format!("Modify, move or remove this {}", module.title)),
    ];
    links.extend(references(call, snapshot));
    if kind == Kind::User {
        links.push(
            Link::new("udm:user-photo", format!("{here}/properties/jpegPhoto.jpg"))
                .title("User photo")
                .media_type("image/jpeg"),
        );
        links.push(
            Link::new("udm:service-specific-password", format!("{here}/service-specific-password"))
                .title("Generate a new service specific password"),
        );
    }
    links.push(Link::new("udm:layout", format!("{here}/layout")).title("Module layout"));
    links.push(Link::new("udm:properties", format!("{here}/properties")).title("Module properties"));
    if !named {
        links.extend(module.policies.iter().map(|policy| {
            Link::new("udm:policy-result", format!("{here}/{policy}/{{?policy}}"))
                .name(policy)
                .title(&format!("Evaluate referenced {policy} policies"))
                .templated()
        }));
    }
    links.push(curies(root));
    links
}

/// One link for each distinguished name that the object refers to.
fn references(call: &Call<'_>, snapshot: &Snapshot) -> Vec<Link> {
    let object = &*snapshot.object;
    let lists: &[(&str, Kind)] = match object.kind {
        Kind::User => &[("groups", Kind::Group), ("primaryGroup", Kind::Group), ("secretary", Kind::User)],
        Kind::Group => &[("users", Kind::User), ("nestedGroup", Kind::Group), ("memberOf", Kind::Group)],
        Kind::FunctionalAccount => &[("users", Kind::User), ("groups", Kind::Group)],
        _ => &[],
    };
    let mut links = Vec::new();
    for (property, kind) in lists {
        let of_others = matches!((object.kind, *property), (Kind::User, "groups") | (Kind::Group, "memberOf"));
        let names: Vec<String> = match *property {
            _ if of_others => snapshot.groups.clone(),
            "primaryGroup" => vec![call.shared.with_directory(|directory| {
                let property = object.kind.property(property);
                let shown = property.map(|property| directory.shown(snapshot, property));
                shown.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
            })],
            property => object.texts(property).map(str::to_owned).collect(),
        };
        links.extend(names.iter().map(|dn| {
            Link::new(
                &format!("udm:object/property/reference/{property}"),
                format!("{}/{kind}/{}", call.root, encode(dn)),
            )
            .name(dn)
            .title(&format!("{property}: {kind}: {dn}"))
        }));
    }
    links
}

/// The links of a list; `pages` are relation, title and query of other pages.
pub fn of_list(call: &Call<'_>, kind: Kind, searched: bool, pages: &[(&str, &str, String)]) -> Vec<Link> {
    let (module, root) = (kind.module(), &call.root);
    let here = format!("{root}/{kind}/");
    let create = format!("Create a {}", module.title);
    let search = "{?position,query*,filter,scope,hidden,properties*,opened,limit,page,by,dir}";
    let mut links = vec![
        Link::new("udm:object-modules", format!("{root}/")).title("All modules"),
        Link::new("up", format!("{root}/{}/", group_of(module))).title(module.plural),
        Link::new("self", here.clone()).name(module.name).title(module.plural),
        Link::new("describedby", here.clone()).title(&format!("{kind} module")).method("OPTIONS"),
        Link::new("search", format!("{here}{search}")).title(&format!("Search for {}", module.plural)).templated(),
        Link::new("create-form", format!("{here}add")).title(&create),
        Link::new("create-form", format!("{here}add{{?position,superordinate,template}}")).title(&create).templated(),
        Link::new("icon", format!("{here}favicon.ico")).media_type("image/x-icon"),
    ];
    links.extend(pages.iter().map(|(rel, title, query)| Link::new(rel, format!("{here}?{query}")).title(title)));
    for (name, path) in [("CSV Report", "CSV%20Report"), ("PDF Document", "PDF%20Document")] {
        links.push(
            Link::new("udm:report", format!("{here}report/{path}{{?dn}}"))
                .name(name)
                .title(&format!("Create {name} report"))
                .method("POST")
                .templated(),
        );
    }
    if !searched {
        links.push(Link::new("udm:layout", format!("{here}layout")).title("Module layout"));
        links.push(Link::new("udm:properties", format!("{here}properties")).title("Module properties"));
        links.extend(module.policies.iter().map(|policy| {
            Link::new("udm:policy-result", format!("{here}{policy}/{{?policy,position}}"))
                .name(policy)
                .title(&format!("Evaluate referenced {policy} policies"))
                .templated()
        }));
    }
    links.push(curies(root));
    links
}

/// The links of the form for a new object.
pub fn of_template(call: &Call<'_>, kind: Kind) -> Vec<Link> {
    let (module, root) = (kind.module(), &call.root);
    let of_type = format!("{root}/{kind}/");
    vec![
        Link::new("icon", format!("{of_type}favicon.ico")).media_type("image/x-icon"),
        Link::new("udm:object-modules", format!("{root}/")).title("All modules"),
        Link::new("udm:object-module", format!("{root}/{}/", group_of(module))).title(module.plural),
        Link::new("type", of_type.clone()).title(module.title),
        Link::new("create", of_type.clone()).title(module.title).method("POST"),
        Link::new("udm:layout", format!("{of_type}layout")).name("create-form"),
        Link::new("udm:properties", format!("{of_type}properties")).title(&format!("Properties for {}", module.title)),
        curies(root),
    ]
}

/// The links of the entry point.
pub fn of_root(root: &str) -> Vec<Link> {
    let mut links = vec![
        Link::new("self", format!("{root}/")).title("All modules"),
        Link::new("udm:object-modules", format!("{root}/navigation/")).name("all").title("All object types"),
    ];
    let mut groups: Vec<&str> = Kind::ALL.iter().map(|kind| group_of(kind.module())).collect();
    groups.sort_unstable();
    groups.dedup();
    links.extend(groups.iter().map(|group| Link::new("udm:object-modules", format!("{root}/{group}/")).name(group)));
    let mut kinds = Kind::ALL.to_vec();
    kinds.sort_by_key(|kind| kind.name());
    links.extend(kinds.iter().map(|kind| {
        Link::new("udm:object-types", format!("{root}/{kind}/")).name(kind.name()).title(kind.module().title)
    }));
    links.extend([
        Link::new("udm:object/get-by-dn", format!("{root}/object/{{dn}}")).templated(),
        Link::new("udm:object/get-by-uuid", format!("{root}/object/{{uuid}}")).templated(),
        Link::new("udm:license", format!("{root}/license/")).name("license").title("UCS license"),
        Link::new("udm:ldap-base", format!("{root}/ldap/base/")).title("LDAP base"),
        Link::new("udm:relations", format!("{root}/relation/")).name("relation").title("All link relations"),
        curies(root),
    ]);
    links
}
