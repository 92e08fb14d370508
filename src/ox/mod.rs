//! Open-Xchange App Suite as a target.

pub mod attribute;
pub mod date;
pub mod handles;
pub mod mapping;
pub mod model;
pub mod picture;
pub mod plan;
pub mod rights;
pub mod settings;
pub mod state;
pub mod template;
