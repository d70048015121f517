//! The engine as users hold it: shapes, types, errors, threads and tasks.

mod support;

use gristmill::{Chunk, Engine, Error, In, Kernel, Pin, Reduce, Sum, TaskFailure};
use ndarray::{Ix1, IxDyn};
use num_complex::{Complex32, Complex64};
use serde::{Deserialize, Serialize};
use support::engine;

#[test]
fn every_element_type_is_mapped_and_summed() {
    macro_rules! check {
        ($engine:expr, $($number:ty)*) => {
            $(let x = $engine.from_fn(300, |i| (i % 100) as $number).unwrap();
            let mut y = $engine.zeros(300).unwrap();
            $engine.map(&x, &mut y, |v: $number| v + 1 as $number).unwrap();
            assert_eq!($engine.sum(&y).unwrap() as f64, 3.0 * (4950.0 + 100.0));)*
        };
    }
    let engine = engine(2);
    check!(engine, f32 f64 i8 i16 i32 i64 u8 u16 u32 u64);
    let x = engine.from_fn(50, |i| Complex64::new(i as f64, -1.0)).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), Complex64::new(1225.0, -50.0));
    let x = engine.from_fn(50, |i| Complex32::new(i as f32, -1.0)).unwrap();
    assert_eq!(engine.sum(&x).unwrap(), Complex32::new(1225.0, -50.0));
}

#[test]
fn every_copy_of_an_element_is_whole() {
    let engine = engine(2);
    // Fresh blocks and used ones; below a launch, and over several huge pages whose ends cut elements.
    for _ in 0..2 {
        for len in [0, 1, 5, 700_001] {
            let triple = [1.5, -2.5, f64::MAX];
            assert!(
                engine.filled(len, triple).unwrap().view().iter().all(|x| *x == triple),
                "{len}"
            );
            assert!(engine.filled(len, -7i16).unwrap().view().iter().all(|x| *x == -7), "{len}");
            let bytes: [u8; 13] = std::array::from_fn(|i| i as u8);
            assert!(engine.filled(len, bytes).unwrap().view().iter().all(|x| *x == bytes), "{len}");
        }
        // No plan has room for this one.
        let large = [7u64; 40_000];
        assert!(engine.filled(3, large).unwrap().view().iter().all(|x| *x == large));
    }
}

/// A struct of a user's own.
#[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Body {
    place: [f64; 3],
    mass: f64,
}

impl Reduce for Body {
    fn identity() -> Body {
        Body { place: [0.0; 3], mass: 0.0 }
    }

    fn combine(self, right: Body) -> Body {
        let mass = self.mass + right.mass;
        let mean = |i: usize| (self.mass * self.place[i] + right.mass * right.place[i]) / mass;
        if mass == 0.0 { self } else { Body { place: [0, 1, 2].map(mean), mass } }
    }
}

#[test]
fn structs_of_ones_own_are_elements_and_reductions() {
    let engine = engine(3);
    let bodies =
        engine.from_fn(1000, |i| Body { place: [i as f64, 1.0, -(i as f64)], mass: 1.0 }).unwrap();
    let centre: Body = engine.reduce(&bodies, |body: Body| body).unwrap();
    assert!((centre.place[0] - 499.5).abs() < 1e-9 && (centre.mass - 1000.0).abs() < 1e-9);
}

#[test]
fn one_to_six_dimensions_and_dynamic_ones() {
    let engine = engine(2);
    macro_rules! check {
        ($($shape:expr),*) => {
            $(let x = engine.filled($shape, 2.0f64).unwrap();
            let mut y = engine.zeros(x.dim()).unwrap();
            engine.map(&x, &mut y, |v: f64| v * 3.0).unwrap();
            assert_eq!(y.shape(), x.shape());
            assert_eq!(y.view().sum(), 6.0 * x.len() as f64);)*
        };
    }
    check!(7, (3, 4), (2, 3, 4), (2, 3, 2, 3), (1, 2, 3, 2, 2), (2, 1, 2, 1, 2, 3));
    let x = engine.zeros::<f64, _>(IxDyn(&[2, 5])).unwrap();
    assert_eq!(x.view().shape(), [2, 5]);
}

#[test]
fn empty_arrays_and_arrays_smaller_than_the_workers() {
    for workers in [1, 8] {
        let engine = engine(workers);
        for len in [0usize, 1, 2, 3] {
            let x = engine.from_fn(len, |i| i as f64 + 1.0).unwrap();
            let mut y = engine.zeros(len).unwrap();
            engine.map(&x, &mut y, |v: f64| 2.0 * v).unwrap();
            assert_eq!(engine.sum(&y).unwrap(), (len * (len + 1)) as f64);
        }
        let none = engine.zeros::<f64, _>((0, 5)).unwrap();
        assert_eq!(engine.sum(&none).unwrap(), 0.0);
        assert!(none.is_empty());
    }
}

#[test]
fn the_same_bits_for_any_number_of_workers() {
    let run = |workers: usize| {
        let engine = engine(workers);
        let x = engine.from_fn(100_003, |i| ((i * 7919) as f64).sin() * 1e3).unwrap();
        let mut y = engine.zeros(x.len()).unwrap();
        engine.zip_map(&x, &x, &mut y, |a: f64, b: f64| a * b + 0.1).unwrap();
        let sum = engine.sum(&y).unwrap();
        (sum.to_bits(), y.as_slice().iter().map(|v| v.to_bits()).collect::<Vec<_>>())
    };
    let one = run(1);
    for workers in [2, 3, 5, 8] {
        assert!(run(workers) == one, "{workers} workers");
    }
}

#[test]
fn an_array_of_another_engine_is_refused() {
    let (ours, theirs) = (engine(1), engine(1));
    let x = theirs.zeros::<f64, _>(10).unwrap();
    let mut y = ours.zeros::<f64, _>(10).unwrap();
    let error = ours.map(&x, &mut y, |v: f64| v).unwrap_err();
    assert!(matches!(error, Error::ForeignArray { argument: 0, .. }), "{error}");
    assert!(error.to_string().contains("another engine"));
}

#[test]
fn lengths_that_differ_are_refused_with_both_numbers() {
    let engine = engine(1);
    let x = engine.zeros::<f64, _>(10).unwrap();
    let mut y = engine.zeros::<f64, _>(11).unwrap();
    let error = engine.map(&x, &mut y, |v: f64| v).unwrap_err().to_string();
    assert!(error.contains("10") && error.contains("11"), "{error}");
}

/// Panics at one element.
#[derive(Serialize, Deserialize)]
struct Picky {
    at: f64,
}

impl Kernel for Picky {
    type Args = In<f64>;
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, x: &[f64]) -> f64 {
        assert!(!x.contains(&self.at), "found {} among {} values", self.at, x.len());
        x.iter().sum()
    }

    fn grain(&self, _: &gristmill::Shapes) -> usize {
        100
    }
}

#[test]
fn a_panic_comes_back_with_message_file_and_line_and_the_engine_goes_on() {
    let engine = engine(2);
    let x = engine.from_fn(1000, |i| i as f64).unwrap();
    for _ in 0..3 {
        let error = engine.run(&Picky { at: 345.0 }, &x).unwrap_err();
        let Error::Panicked(panic) = &error else { panic!("{error}") };
        assert_eq!(panic.message, "found 345 among 100 values");
        assert!(panic.place.contains("engine.rs:"), "{}", panic.place);
        assert!(panic.kernel.contains("Picky"));
        let place = panic.chunk.unwrap();
        assert_eq!((place.chunk, place.start, place.end), (3, 300, 400));
        assert_eq!(engine.sum(&x).unwrap(), 499_500.0);
    }
    assert_eq!(engine.stats().deaths, 0);
}

#[test]
fn of_several_panics_the_lowest_chunk_is_named() {
    let engine = engine(3);
    let x = engine.from_fn(5000, |i| (i % 200) as f64).unwrap();
    for _ in 0..5 {
        let Error::Panicked(panic) = engine.run(&Picky { at: 150.0 }, &x).unwrap_err() else {
            panic!("no panic")
        };
        assert_eq!(panic.chunk.unwrap().chunk, 1);
    }
}

#[test]
fn a_launch_from_inside_a_kernel_is_refused() {
    let engine = engine(1);
    let words: Vec<String> = engine
        .tasks()
        .map(|(): ()| Engine::new().map(|_| ()).unwrap_err().to_string(), [()])
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(words[0].contains("a task or a child process asked for an engine"), "{}", words[0]);
}

#[test]
fn an_engine_serves_several_threads() {
    let engine = engine(2);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let engine = &engine;
            scope.spawn(move || {
                for round in 0..50 {
                    let x = engine.from_fn(1000, |i| (i + thread + round) as f64).unwrap();
                    let mut y = engine.zeros(1000).unwrap();
                    engine.map(&x, &mut y, |v: f64| v + 1.0).unwrap();
                    let expected = 499_500.0 + 1000.0 * (thread + round + 1) as f64;
                    assert_eq!(engine.sum(&y).unwrap(), expected);
                }
            });
        }
    });
}

#[test]
fn memory_is_refused_before_anything_is_written_and_reused_after_a_drop() {
    let engine = Engine::builder().workers(1).capacity(64 << 20).build().unwrap();
    let error = engine.zeros::<f64, _>(16 << 20).unwrap_err();
    let Error::OutOfMemory { requested, available, .. } = error else { panic!("{error}") };
    assert!(requested >= 128 << 20 && available <= 64 << 20);
    for _ in 0..20 {
        let mut x = engine.zeros::<f64, _>(4 << 20).unwrap();
        assert!(x.as_slice().iter().all(|v| *v == 0.0));
        x.as_mut_slice().fill(7.0);
    }
    assert!(engine.zeros::<u8, _>((usize::MAX / 2, 5)).is_err());
}

#[test]
fn nonsense_settings_are_refused() {
    let error = Engine::builder().workers(257).build().unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    // More workers than CPUs, unpinned or pinned by hand, work.
    for pin in [Pin::No, Pin::Cpus(vec![0])] {
        let engine = Engine::builder().workers(5).pin(pin).build().unwrap();
        assert_eq!(engine.sum(&engine.filled(100, 1u8).unwrap()).unwrap(), 100);
    }
}

#[test]
fn tasks_of_any_size_in_order_and_as_they_come() {
    let engine = engine(3);
    let repeat = |n: usize| vec![n as u32; n];
    let sizes = [0, 1, 10, 1000, 100_000, 3];
    let results: Vec<Vec<u32>> =
        engine.tasks().map(repeat, sizes).unwrap().map(Result::unwrap).collect();
    assert!(results.iter().zip(sizes).all(|(v, n)| *v == vec![n as u32; n]));
    let sum = |v: Vec<u32>| v.iter().map(|v| u64::from(*v)).sum::<u64>();
    let params = (0..20).map(|n| vec![n; 5000 * n as usize]);
    let mut sums: Vec<(u64, u64)> = engine
        .tasks()
        .bound(4)
        .map(sum, params)
        .unwrap()
        .unordered()
        .map(|(index, sum)| (index, sum.unwrap()))
        .collect();
    sums.sort();
    assert_eq!(sums, (0..20).map(|n| (n, n * n * 5000)).collect::<Vec<_>>());
}

#[test]
fn a_queue_is_put_joined_closed_and_dropped_half_way() {
    let engine = engine(2);
    let mut queue = engine.tasks().bound(3).queue(|n: u64| n + 1).unwrap();
    for n in 0..100 {
        assert_eq!(queue.put(&n).unwrap(), n);
    }
    queue.join();
    assert_eq!(queue.len(), 100);
    let results: Vec<_> = queue.close().map(|(n, result)| (n, result.unwrap())).collect();
    assert_eq!(results.len(), 100);
    assert!(results.iter().all(|(n, result)| n + 1 == *result));
    for _ in 0..20 {
        // More queues than there are places, one after the other, each left with work.
        let mut queue = engine.tasks().queue(|n: usize| vec![0u8; n]).unwrap();
        for n in [10, 100_000, 10] {
            queue.put(&n).unwrap();
        }
    }
    let open: Vec<_> = (0..8).map(|_| engine.tasks().queue(|n: u8| n).unwrap()).collect();
    assert!(matches!(engine.tasks().queue(|n: u8| n), Err(Error::Limit { .. })));
    drop(open);
    assert!(engine.tasks().queue(|n: u8| n).is_ok());
}

#[test]
fn a_panic_in_a_task_is_the_value_of_that_task() {
    let engine = engine(2);
    let odd = |n: u32| if n % 2 == 1 { n } else { panic!("{n} is even") };
    for (n, result) in engine.tasks().map(odd, 0..10).unwrap().enumerate() {
        match result {
            Ok(value) => assert_eq!(value as usize, n),
            Err(Error::Task { index, reason: TaskFailure::Panicked(panic), .. }) => {
                assert_eq!(index as usize, n);
                assert_eq!(panic.message, format!("{n} is even"));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Is written, but not read back.
#[derive(Clone, Serialize, Deserialize)]
struct Skipping {
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<u8>,
    b: u8,
}

#[test]
fn what_cannot_be_sent_is_an_error_at_the_sender() {
    let engine = engine(1);
    let params = Skipping { a: None, b: 3 };
    let mut results = engine.tasks().map(|s: Skipping| s.b, [params]).unwrap();
    let error = results.next().unwrap().unwrap_err();
    assert!(matches!(&error, Error::NotPortable { what, .. } if what.contains("Skipping")));
}

#[test]
fn arrays_outlive_their_engine() {
    let x = engine(2).filled(10, 1.5).unwrap();
    assert_eq!(x.view().sum(), 15.0);
    let view: ndarray::ArrayView<'_, f64, Ix1> = x.view();
    assert_eq!(view.len(), 10);
}
