//! Distinguished names: however one is written, its canonical form is one that stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxherd::udm::Dn;

fuzz_target!(|text: &str| {
    let Ok(dn) = text.parse::<Dn>() else { return };
    assert_eq!(dn.as_str(), text);
    let canonical: Dn = dn.canonical().parse().expect("a canonical name is a name");
    assert_eq!(canonical.canonical(), dn.canonical());
    let attributes = |dn: &Dn| dn.rdns().iter().map(|rdn| rdn.attributes().count()).collect::<Vec<_>>();
    assert_eq!(attributes(&canonical), attributes(&dn));
    assert_eq!(canonical.rdns().len(), dn.rdns().len());
    let _ = dn.rdn_value();
    if let Some(parent) = dn.parent() {
        assert_eq!(parent.rdns().len() + 1, dn.rdns().len());
        let parent_of_canonical = canonical.parent().expect("as many parts as before");
        assert_eq!(parent_of_canonical.canonical(), parent.canonical());
    }
});
