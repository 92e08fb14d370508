//! Open-Xchange App Suite as a target.
//!
//! Planning is pure: everything here but [`execute`], [`inventory`], [`soap`] and [`target`] is data and functions without I/O.

pub mod attribute;
pub mod date;
pub mod execute;
pub mod handles;
pub mod inventory;
pub mod mapping;
pub mod model;
mod names;
pub mod picture;
pub mod plan;
pub mod rehearsal;
pub mod rights;
pub mod settings;
pub mod soap;
pub mod state;
pub mod target;
pub mod template;
