//! Irregular work: tasks of very different length on the joinable queue.
//!
//! A worker leases a task and settles it; a dead worker's lease returns to the queue. Parameters
//! and results are anything that serde can write.

use gristmill::Engine;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// A chessboard.
#[derive(Serialize, Deserialize, Clone, Copy)]
struct Board {
    size: u32,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    size: u32,
    ways: u64,
    microseconds: u128,
}

/// How many ways there are to place as many queens as the board has rows.
fn queens(board: Board) -> Answer {
    assert!(board.size > 0, "a board of no squares");
    fn place(all: u32, columns: u32, left: u32, right: u32) -> u64 {
        if columns == all {
            return 1;
        }
        let (mut free, mut ways) = (all & !(columns | left | right), 0);
        while free != 0 {
            let queen = free & free.wrapping_neg();
            free ^= queen;
            ways += place(all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
        }
        ways
    }
    let started = Instant::now();
    let ways = place((1 << board.size) - 1, 0, 0, 0);
    Answer { size: board.size, ways, microseconds: started.elapsed().as_micros() }
}

fn main() -> gristmill::Result<()> {
    let engine = Engine::new()?;
    let boards = || (6..=12).rev().map(|size| Board { size });

    println!("in order:");
    for answer in engine.tasks().map(queens, boards())? {
        let Answer { size, ways, microseconds } = answer?;
        println!("  {size:2} queens {ways:6} ways {microseconds:8} us");
    }

    println!("as they come, with the number of the task:");
    for (task, answer) in engine.tasks().map(queens, boards())?.unordered() {
        println!("  task {task}: {:2} queens", answer?.size);
    }

    println!("a queue by hand, at most 4 tasks in it at once:");
    let mut queue = engine.tasks().bound(4).queue(queens)?;
    for size in [6, 0, 8, 9, 5, 7] {
        queue.put(&Board { size })?; // waits while the queue is full
    }
    queue.join(); // all are done; their results wait to be taken
    for (task, answer) in queue.close() {
        match answer {
            Ok(answer) => println!("  task {task}: {} queens, {} ways", answer.size, answer.ways),
            Err(error) => println!("  {}", error.to_string().lines().next().unwrap_or_default()),
        }
    }
    Ok(())
}
