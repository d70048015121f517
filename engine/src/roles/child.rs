//! A child process's life: read what it is to run, run it, leave the result.

use crate::compute::{Control, Failure, Named, Run, guarded, install_panic_hook};
use crate::machine::futex;
use crate::memory::Region;
use crate::process::{entry, fault};
use crate::shared::child::{ChildOutcome, ChildPost, Phase};
use crate::shared::damage::Damage;
use crate::shared::seat::Seat;
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Lives as the child process of this place.
pub(super) fn live(place: usize, region: &'static Region, control: Control<'static>) {
    let post = &control.block.children[place];
    fault::watch(&control.block.child_faults[place], region, None);
    install_panic_hook();
    let Some(number) = post.begin() else { return };
    let (table, [offset, len]) = whole(post.task(number));
    let args = region.load_bytes(offset as usize, len as usize);
    let ran = Named::<Run>::at(table)
        .map_err(Failure::Refused)
        .and_then(|table| guarded(|| (table.function)(&args, region)))
        .and_then(|ran| ran.map_err(Failure::Refused));
    // What the function has printed and not ended with a line.
    let _ = std::io::stdout().flush();
    match ran {
        Ok((bytes, luggage)) => {
            if leave(region, control, post, number, &bytes) {
                luggage.hand_over(Seat::COORDINATOR);
                post.settle(number, ChildOutcome::Done as u64);
            }
        }
        Err(failure) => {
            if leave(region, control, post, number, &failure.to_bytes()) {
                post.settle(number, ChildOutcome::Failed as u64);
            }
            entry::exit(1);
        }
    }
}

/// Stores a result; false if there is no room for it.
fn leave(
    region: &Region,
    control: Control<'_>,
    post: &ChildPost,
    number: u64,
    bytes: &[u8],
) -> bool {
    let [_, room] = whole(post.room(number));
    let needs_room = room < bytes.len() as u64;
    post.set_len(number, bytes.len(), needs_room);
    if needs_room {
        control.wishes.0.fetch_add(1, Ordering::Release);
        control.announce_finish();
    }
    while post.is_in(Phase::Wants, number) {
        let bell = control.bell.0.load(Ordering::Acquire);
        futex::wait(&control.bell.0, bell, Some(Duration::from_millis(1)));
    }
    if !post.is_in(Phase::Running, number) {
        return false;
    }
    let [offset, _] = whole(post.room(number));
    region.store_bytes(offset as usize, bytes);
    true
}

/// What was found whole; else the process ends here.
fn whole<T>(found: Result<T, Damage>) -> T {
    found.unwrap_or_else(|what| {
        eprintln!("{what} in the control block was written over");
        entry::exit(1)
    })
}
