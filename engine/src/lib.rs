//! Gristmill: a parallel compute engine for CPU-bound numeric work.

#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the floors above do not exist yet")
)]
#[expect(unreachable_pub, unused_imports, reason = "nothing is exported yet")]
mod machine;
