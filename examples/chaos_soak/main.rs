//! Kills workers continuously under all kernels, compares every bit with an undisturbed run, and says
//! how long it took until replacements were at work.
//!
//! ```text
//! cargo run --release --example chaos_soak -- --seconds 300 --kills-per-second 60 --seed 1 --workers 2
//! ```
//!
//! It ends with status 1 at the first wrong bit, or when one kernel takes longer than a minute.

mod cases;

use gristmill::{Chaos, ChaosTally, Engine};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Whatever is killed meanwhile: undisturbed, each kernel takes some milliseconds.
const HANG: Duration = Duration::from_secs(60);

struct Options {
    seconds: u64,
    kills_per_second: f64,
    seed: u64,
    workers: usize,
}

impl Options {
    fn from_command_line() -> Result<Options, String> {
        let mut options = Options { seconds: 5, kills_per_second: 60.0, seed: 1, workers: 2 };
        let mut words = std::env::args().skip(1);
        while let Some(name) = words.next() {
            let value = words.next().ok_or(format!("{name} needs a value"))?;
            let wrong = |error: &dyn std::fmt::Display| format!("{name} {value}: {error}");
            match name.as_str() {
                "--seconds" => options.seconds = value.parse().map_err(|e| wrong(&e))?,
                "--kills-per-second" => {
                    options.kills_per_second = value.parse().map_err(|e| wrong(&e))?;
                }
                "--seed" => options.seed = value.parse().map_err(|e| wrong(&e))?,
                "--workers" => options.workers = value.parse().map_err(|e| wrong(&e))?,
                _ => return Err(format!("{name} is none of its options")),
            }
        }
        Ok(options)
    }
}

/// What has been seen so far.
#[derive(Default)]
struct Seen {
    launches: u64,
    bytes_compared: u64,
    /// What took longest, launches and comparison together.
    slowest: (Duration, &'static str),
    /// From deaths to replacements at work, sorted.
    recoveries: Times,
    vacancies: Times,
}

impl Seen {
    fn look_at(&mut self, engine: &Engine) {
        self.launches = engine.stats().launches;
        self.recoveries.add(engine.take_recoveries());
        self.vacancies.add(engine.take_vacancies());
    }

    fn print(&self, seconds: u64, tally: ChaosTally) {
        let [half, most, all] = self.recoveries.quantiles_ms();
        let (kills, launches) = (tally.kills, self.launches);
        let mib = self.bytes_compared >> 20;
        println!("{seconds:5} {kills:7} {launches:9} {mib:9} {half:11.2} {most:7.2} {all:8.2}");
    }
}

/// Times, the shortest first.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn add(&mut self, more: Vec<Duration>) {
        self.0.extend(more);
        self.0.sort_unstable();
    }

    /// The median, what 99 % do not exceed, and the longest, in milliseconds.
    fn quantiles_ms(&self) -> [f64; 3] {
        [0.5, 0.99, 1.0].map(|part| {
            let within = (self.0.len() as f64 * part).ceil() as usize;
            let time = self.0.get(within.saturating_sub(1)).copied().unwrap_or_default();
            time.as_secs_f64() * 1e3
        })
    }

    fn tell(&self, what: &str) {
        let [half, most, all] = self.quantiles_ms();
        let count = self.0.len();
        println!(
            "{what}: median {half:.2} ms, 99 % within {most:.2} ms, slowest {all:.2} ms; {count} \
             measured"
        );
    }
}

/// Ends the program when it is told of nothing new for too long.
fn watchdog() -> Sender<&'static str> {
    let (sender, names) = channel();
    std::thread::spawn(move || {
        let mut at = "the start";
        loop {
            match names.recv_timeout(HANG) {
                Ok(name) => at = name,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    eprintln!("chaos_soak: {at} has been running for {HANG:?}");
                    std::process::exit(1);
                }
            }
        }
    });
    sender
}

fn soak(options: &Options) -> Result<(), String> {
    let said = |error: gristmill::Error| error.to_string();
    let cases = cases::all();
    // By another number of workers, whom nobody disturbs.
    let calm = Engine::builder().workers(1).build().map_err(said)?;
    let data = cases::Data::new(&calm).map_err(said)?;
    let expected: gristmill::Result<Vec<_>> =
        cases.iter().map(|case| (case.run)(&calm, &data)).collect();
    let expected = expected.map_err(said)?;
    drop((calm, data));

    let engine = Engine::builder().workers(options.workers).attempts(1).build().map_err(said)?;
    let data = cases::Data::new(&engine).map_err(said)?;
    let (mut seen, mut printed, watchdog) = (Seen::default(), 0, watchdog());
    println!("    s   kills  launches  MiB same  median, ms    99 %  slowest");
    let started = Instant::now();
    let chaos = Chaos::new(options.seed).kills_per_second(options.kills_per_second);
    let chaos = engine.chaos(chaos).map_err(said)?;
    while printed < options.seconds {
        for (case, expected) in cases.iter().zip(&expected) {
            let begun = Instant::now();
            let _ = watchdog.send(case.name);
            let bits = (case.run)(&engine, &data).map_err(|e| format!("{}: {e}", case.name))?;
            if bits != *expected {
                return Err(format!("{}: bits differ", case.name));
            }
            seen.bytes_compared += 8 * bits.len() as u64;
            seen.slowest = seen.slowest.max((begun.elapsed(), case.name));
            if started.elapsed().as_secs() > printed {
                printed = started.elapsed().as_secs();
                seen.look_at(&engine);
                seen.print(printed, chaos.tally());
            }
        }
    }
    let tally = chaos.end();
    // When there is a result, somebody is there again; the last replacement may still be starting.
    (cases[0].run)(&engine, &data).map_err(said)?;
    seen.look_at(&engine);
    println!("\n{tally}; no wrong bit in {} MiB", seen.bytes_compared >> 20);
    println!("slowest kernel: {} in {:?}", seen.slowest.1, seen.slowest.0);
    seen.recoveries.tell("from a death to its replacement at work");
    seen.vacancies.tell("the same by way of all replacements that died or were stopped meanwhile");
    Ok(())
}

fn main() -> ExitCode {
    match Options::from_command_line().and_then(|options| soak(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("chaos_soak: {reason}");
            ExitCode::FAILURE
        }
    }
}
