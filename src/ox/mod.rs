//! Open-Xchange App Suite as a target.

pub mod attribute;
pub mod model;
pub mod rights;
