//! Comparing the directory with what is known.

/// Where journal and audit trail were when a list of the directory was asked for: what came later may be newer than the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The last position that the journal gave.
    pub(crate) journal: i64,
    /// The last position in the audit trail.
    pub(crate) audit: i64,
}

/// What became of listed objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// They are not as known: they are in the journal now.
    pub journalled: u64,
    /// They are as known. They leave no trace.
    pub same: u64,
    /// A source brought something newer while the list was on its way.
    pub overtaken: u64,
}

/// A part of all identifiers, in the order of their texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdSpan {
    /// The first one; empty: from the beginning.
    pub from: String,
    /// The first one that does not belong to it any more; none: up to the end.
    pub below: Option<String>,
}
