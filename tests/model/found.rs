//! Cases that once failed.
