//! Floor 4: worker processes: how they are started, named across processes, watched and reaped.

mod death;
mod descriptors;
pub(crate) mod entry;
pub(crate) mod fault;
mod foreground;
pub(crate) mod forks;
mod hygiene;
mod image;
mod peak;
mod pidfd;
mod relay;
pub(crate) mod shield;
mod spawn;

pub(crate) use death::reap;
pub(crate) use descriptors::make_room as make_room_for_descriptors;
pub(crate) use entry::{
    Handover, Limits, is_worker, refuse_inherited_handover, refuse_privileges_of_the_file,
    worker_region,
};
pub(crate) use foreground::come_to_the_foreground;
pub(crate) use image::{offset_in_executable, reference_at};
pub(crate) use pidfd::Pidfd;
pub(crate) use relay::Relay;
#[cfg(feature = "cli")]
pub(crate) use relay::send_lines_to;
pub(crate) use spawn::{Child, refuse_namespace_for_children, remedy, spawn};
