//! Arguments of a kernel by the names that job files have for them, in what is told of faults.

use crate::error::{Cause, DeathRecord, Error};
use crate::fault_place::FaultPlace;

/// Gives the arguments that an error's deaths speak of their names.
pub(super) fn name_arguments(mut error: Error, names: &[String]) -> Error {
    let deaths: Vec<&mut DeathRecord> = match &mut error {
        Error::Poisoned(poisoned) => {
            poisoned.chunks.iter_mut().flat_map(|chunk| &mut chunk.deaths).collect()
        }
        Error::FoldDied { last, .. } => vec![last],
        Error::GivenUp { last: Some(last), .. } => vec![last],
        _ => vec![],
    };
    for death in deaths {
        if let Cause::Signal { fault: Some(fault), .. } = &mut death.cause
            && let FaultPlace::Element(element) = &mut fault.place
        {
            element.name = names.get(element.argument).cloned();
        }
    }
    error
}
