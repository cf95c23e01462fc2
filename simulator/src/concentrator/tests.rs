//! A terminal seen from its master.

mod faults;
mod forward;
mod link;
mod night;
mod orders;
mod rig;
mod whatever;
