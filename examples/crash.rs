//! The promise: a kernel that kills its own process costs a retry, or at worst its own chunk.
//!
//! Threads would take the whole program with them.

use gristmill::{Chunk, Engine, Error, InOut, Kernel, Sum};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Instant;

/// x = sqrt(x + 1), in place. In one chunk the process dies half-way, with SIGKILL, as often as
/// there are files to remove in a folder. (A real kernel depends on its arguments alone; this one
/// looks at files because it has to know whether it is a retry.)
#[derive(Serialize, Deserialize)]
struct Fragile {
    deadly_chunk: Option<usize>,
    lives: PathBuf,
}

impl Kernel for Fragile {
    type Args = InOut<f64>;
    type Output = Sum<f64>;

    fn run(&self, chunk: Chunk, x: &mut [f64]) -> f64 {
        let half = x.len() / 2;
        for (i, x) in x.iter_mut().enumerate() {
            if i == half && self.deadly_chunk == Some(chunk.index()) {
                self.die();
            }
            *x = (*x + 1.0).sqrt();
        }
        x.iter().sum()
    }
}

impl Fragile {
    fn die(&self) {
        let mut files = std::fs::read_dir(&self.lives).into_iter().flatten().flatten();
        if let Some(file) = files.next() {
            std::fs::remove_file(file.path()).expect("a file of our own");
            kill(Pid::this(), Signal::SIGKILL).expect("one's own process can be killed");
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lives = std::env::temp_dir().join(format!("gristmill-crash-{}", std::process::id()));
    let engine = Engine::new()?;
    let n = 200_000;

    for (title, deadly_chunk, deaths) in
        [("nothing dies", None, 0), ("dies once", Some(7), 1), ("dies each time", Some(7), 1000)]
    {
        std::fs::create_dir_all(&lives)?;
        for death in 0..deaths {
            std::fs::write(lives.join(death.to_string()), "")?;
        }
        let before = engine.stats();
        let mut x = engine.from_fn(n, |i| i as f64)?;
        let kernel = Fragile { deadly_chunk, lives: lives.clone() };
        println!("{title}:");
        let started = Instant::now();
        let ended = engine.run(&kernel, &mut x);
        let took = started.elapsed();
        match ended {
            Ok(sum) => println!("  sum {sum}, bits {:016x}", sum.to_bits()),
            Err(Error::Poisoned(poisoned)) => {
                println!("  {}", poisoned.to_string().replace('\n', "\n  "));
                let untouched = x.as_slice().iter().enumerate().filter(|&(i, x)| *x == i as f64);
                println!(
                    "  {} elements are as they were before, all others done",
                    untouched.count()
                );
            }
            Err(error) => return Err(error.into()),
        }
        let after = engine.stats();
        println!(
            "  deaths {}, retries {}, set aside {}; took {took:.1?}",
            after.deaths - before.deaths,
            after.retries - before.retries,
            after.poisoned - before.poisoned
        );
        std::fs::remove_dir_all(&lives)?;
    }
    let after_all = engine.from_fn(n, |i| i as f64)?;
    println!("and the engine goes on: {}", engine.sum(&after_all)?);
    Ok(())
}
