//! How workers end is told in the death records: signals by name, addresses, stack overflows.

mod support;

use gristmill::{Cause, DeathRecord, Error, TaskFailure};
use support::engine;

/// The record of the first death that `deadly` brings.
fn death_of(deadly: fn(u64) -> u64, param: u64) -> DeathRecord {
    // A function is named by its address's offset, as the workers are this same executable.
    fn call((offset, param): (i64, u64)) -> u64 {
        let address = (call as *const () as i64 + offset) as *const ();
        // SAFETY: `death_of` has computed the offset from a function of this type.
        let deadly = unsafe { std::mem::transmute::<*const (), fn(u64) -> u64>(address) };
        deadly(param)
    }
    let offset = deadly as *const () as i64 - call as *const () as i64;
    let engine = engine(1);
    let mut results = engine.tasks().map(call, [(offset, param)]).unwrap();
    match results.next().unwrap().unwrap_err() {
        Error::Task { reason: TaskFailure::Died(deaths), .. } => {
            assert_eq!(deaths.len(), 3);
            deaths.into_iter().next().unwrap()
        }
        error => panic!("{error}"),
    }
}

#[expect(unconditional_recursion, reason = "it shall overflow the stack")]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + std::hint::black_box(frame)[3]
}

#[test]
fn a_stack_overflow_is_named() {
    // Without a limit it would take all memory.
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain system calls; workers that start from here on have the limit.
    unsafe {
        libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit);
        limit.rlim_cur = limit.rlim_cur.min(8 << 20);
        libc::setrlimit(libc::RLIMIT_STACK, &limit);
    }
    let death = death_of(recurse, 0);
    let Cause::StackOverflow { limit_bytes } = death.cause else { panic!("{death}") };
    assert!(limit_bytes >= 1 << 16);
    assert!(death.to_string().contains("overflowed its stack"), "{death}");
}

fn touch(address: u64) -> u64 {
    // SAFETY: none; the test wants the fault.
    unsafe { std::ptr::read_volatile(address as *const u64) }
}

#[test]
fn the_address_of_a_fault_is_told() {
    let death = death_of(touch, 0x0000_1234_5678_9ab8);
    assert!(
        matches!(&death.cause, Cause::Signal { number: 11, name, address: Some(0x1234_5678_9ab8) }
            if name == "SIGSEGV"),
        "{death}"
    );
}

fn raise(signal: u64) -> u64 {
    // SAFETY: a signal to ourselves.
    unsafe { libc::raise(signal as i32) };
    0
}

#[test]
fn signals_of_every_kind_are_named() {
    for (number, expected) in [(6, "SIGABRT"), (11, "SIGSEGV"), (7, "SIGBUS"), (9, "SIGKILL")] {
        let death = death_of(raise, number);
        let Cause::Signal { number: got, name, address: None } = &death.cause else {
            panic!("{death}")
        };
        assert_eq!((*got as u64, name.as_str()), (number, expected));
    }
    let death = death_of(raise, libc::SIGRTMIN() as u64 + 3);
    assert!(death.to_string().contains("SIGRTMIN+3"), "{death}");
}

fn exit(status: u64) -> u64 {
    std::process::exit(status as i32)
}

#[test]
fn an_exit_is_told_with_its_status() {
    assert_eq!(death_of(exit, 7).cause, Cause::Exit { status: 7 });
}

fn abort_with_words(_: u64) -> u64 {
    eprintln!("the matrix is singular");
    eprintln!("note: some details are omitted");
    std::process::abort()
}

#[test]
fn last_words_are_those_that_say_something() {
    let death = death_of(abort_with_words, 0);
    assert!(death.to_string().contains("its last words: the matrix is singular"), "{death}");
}

fn unchecked(index: u64) -> u64 {
    let values = std::hint::black_box(vec![1u64, 2, 3]);
    // SAFETY: none; the test wants the standard library's own check to fail, in debug builds.
    unsafe { *values.get_unchecked(index as usize) }
}

#[test]
fn what_the_standard_library_finds_unsafe_leaves_its_message() {
    if cfg!(debug_assertions) {
        let death = death_of(unchecked, 7);
        assert!(death.to_string().contains("unsafe precondition(s) violated"), "{death}");
    }
}

#[test]
fn an_address_that_no_process_has_is_not_told_as_null() {
    let death = death_of(touch, 0xdead_beef_dead_bee8);
    assert!(matches!(death.cause, Cause::Signal { number: 11, address: None, .. }), "{death}");
}

fn panic_in_c(_: u64) -> u64 {
    extern "C" fn callback() {
        panic!("a callback failed with {}", 17);
    }
    callback();
    0
}

#[test]
fn a_panic_that_cannot_unwind_leaves_its_message() {
    let death = death_of(panic_in_c, 0);
    assert!(death.to_string().ends_with("a callback failed with 17"), "{death}");
}

#[test]
fn the_last_4_kib_of_standard_error_are_kept_byte_by_byte() {
    fn chatty(_: u64) -> u64 {
        let mut output: Vec<u8> = (0..2000u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
        output.extend([0xff, b'.']);
        // SAFETY: a plain system call with a buffer of this length.
        unsafe { libc::write(2, output.as_ptr().cast(), output.len()) };
        std::process::abort()
    }
    let death = death_of(chatty, 0);
    // One byte of the 4096 is told in four characters.
    assert_eq!(death.stderr_tail.len(), 4096 + 3);
    assert!(death.stderr_tail.ends_with("1998 1999 \\xff."), "{death:?}");
}
