//! What the emulator promises, each with a filter of a few lines.

mod callouts;
mod chain;
mod edge;
mod faults;
mod filters;
mod limits;
mod manual;
mod properties;
mod stores;
mod time;
