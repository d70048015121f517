//! A worker comes to the foreground, to be looked at: its standard streams are the coordinator's, and
//! a debugger may attach to it.

use std::fs::File;

/// Takes the coordinator's standard streams, where they can be opened, in place of the relay's.
pub(crate) fn come_to_the_foreground() {
    let parent = nix::unistd::getppid();
    let open = |stream: u32| {
        let path = format!("/proc/{parent}/fd/{stream}");
        // What the coordinator wrote into a file must stay.
        File::options().read(stream == 0).append(stream != 0).open(path).ok()
    };
    // A socket cannot be opened so: then the relay goes on.
    open(0).map(nix::unistd::dup2_stdin);
    open(1).map(nix::unistd::dup2_stdout);
    open(2).map(nix::unistd::dup2_stderr);
    // Where Yama restricts it, a debugger may attach to its own descendants only, unless told.
    // SAFETY: allows other processes something, and changes nothing in this one. Not in nix 0.31.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY, 0, 0, 0) };
}
