//! Open-Xchange App Suite as a target.

pub mod attribute;
pub mod execute;
pub mod model;
pub mod rights;
pub mod soap;
