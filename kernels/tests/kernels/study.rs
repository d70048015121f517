//! Scaling studies from Rust: of closures, of arrays that are prepared, of the same on rayon.

use gristmill::scale::{Results, Runtime, Scaling, Stage, Study, Work, Workload};
use gristmill::{Array, Engine, Error};
use gristmill_kernels::{Dot, Triad};
use ndarray::Ix1;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Long enough for some rounds, whatever they come to: nothing here is about how fast anything is.
const SHORT: Duration = Duration::from_millis(300);

type Arrays = (Array<f64, Ix1>, Array<f64, Ix1>, Array<f64, Ix1>);

fn triad() -> Workload<'static> {
    let prepare = |engine: &Engine, n: u64| -> gristmill::Result<Arrays> {
        let n = n as usize;
        Ok((engine.filled(n, 1.0)?, engine.filled(n, 2.0)?, engine.zeros(n)?))
    };
    let run =
        |engine: &Engine, (b, c, x): &mut Arrays| engine.run(&Triad { a: 3.0 }, (&*b, &*c, x));
    Workload::prepared("my triad", prepare, run).sizes("elements", 10_000).work(|n| Work {
        bytes_read: 16.0 * n as f64,
        bytes_written: 8.0 * n as f64,
        flops: Some(2.0 * n as f64),
        ..Work::default()
    })
}

fn short() -> Study<'static> {
    Study::new().workers([1, 2]).time(SHORT)
}

#[test]
fn a_closure_is_measured_with_each_number_of_workers() {
    let seen = Mutex::new(BTreeSet::new());
    let workload = Workload::new("sum", |engine: &Engine| {
        seen.lock().unwrap().insert(engine.workers());
        let x = engine.from_fn(1000, |i| i as f64)?;
        assert_eq!(engine.sum(&x)?, 499_500.0);
        Ok(())
    });
    let study = Study::new().add(workload).workers([3, 1, 3]).time(SHORT);
    let results = study.run().unwrap();
    drop(study);
    assert_eq!(seen.into_inner().unwrap(), BTreeSet::from([1, 3]));
    assert_eq!(results.method.workers, [1, 3]);
    let [curve] = &results.curves[..] else { panic!("one curve") };
    assert_eq!((curve.subject.as_str(), curve.size.as_str()), ("sum", "as it is"));
    let workers: Vec<usize> = curve.points.iter().map(|point| point.workers).collect();
    assert_eq!(workers, [1, 3]);
    for point in &curve.points {
        assert!(point.samples_s.len() == curve.points[0].samples_s.len());
        assert!(point.samples_s.iter().all(|time| *time > 0.0));
        assert!(point.time_s.low <= point.time_s.value && point.time_s.value <= point.time_s.high);
        assert!((point.roof_share, point.bytes_per_s()) == (None, None), "nothing is known of it");
    }
    assert_eq!(curve.points[0].speedup.value, 1.0);
}

#[test]
fn figures_follow_from_the_work_that_is_told() {
    let results = short().add(triad()).run().unwrap();
    assert_eq!(results.roofs.len(), 2);
    for point in &results.curves[0].points {
        let time = point.time_s.value;
        assert_eq!(point.size, "10000 elements");
        assert_eq!(point.bytes_per_s(), Some(240_000.0 / time));
        assert_eq!(point.flops_per_s(), Some(20_000.0 / time));
        assert!(point.roof_share.unwrap() > 0.0);
        assert!(point.fits_caches, "some 240 kB");
        assert_eq!(point.efficiency.value, point.speedup.value / point.workers as f64);
    }
}

#[test]
fn weak_scaling_grows_the_size_with_the_workers() {
    let results = short().add(triad()).weak().run().unwrap();
    assert_eq!(results.method.scaling, Scaling::Weak);
    let sizes: Vec<&str> =
        results.curves[0].points.iter().map(|point| point.size.as_str()).collect();
    assert_eq!(sizes, ["10000 elements", "20000 elements"]);
}

#[test]
fn rayon_runs_the_same_in_the_same_rounds() {
    let dot = Workload::timed(
        "dot",
        |engine: &Engine, n| {
            let x = engine.from_fn(n as usize, |i| (i % 10) as f64)?;
            let right = engine.run(&Dot::new(), (&x, &x))?;
            Ok((x, right))
        },
        |engine, (x, right)| {
            let start = std::time::Instant::now();
            let dot: f64 = engine.run(&Dot::new(), (&*x, &*x))?;
            let time = start.elapsed();
            assert_eq!(dot.to_bits(), right.to_bits());
            assert_eq!(dot, 28.5 * x.len() as f64);
            Ok(time)
        },
    );
    let results = short().add_sizes(dot.sizes("elements", 100_000), []).add(triad()).with_rayon();
    let results = results.run().unwrap();
    let runtimes: Vec<Runtime> = results.curves.iter().map(|curve| curve.runtime).collect();
    assert_eq!(runtimes, [Runtime::Gristmill, Runtime::Rayon], "no size, no curve");
    let [ours, rayons] = &results.curves[..] else { panic!("two curves") };
    for (our, theirs) in ours.points.iter().zip(&rayons.points) {
        assert_eq!(our.samples_s.len(), theirs.samples_s.len());
        assert!(our.of_rayon.unwrap().value > 0.0);
        assert_eq!(theirs.of_rayon, None);
    }
}

#[test]
fn who_waits_is_told_and_may_break_off() {
    let mut stages = vec![];
    let results = short().precision(0.0).add(triad());
    let results = results.run_watched(&mut |stage| {
        let rounds = match &stage {
            Stage::Measuring { rounds, .. } => *rounds,
            _ => 0,
        };
        stages.push(stage);
        if rounds < 1 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let results = results.unwrap();
    assert!(matches!(stages[0], Stage::Roof { .. }));
    assert!(stages.iter().any(|stage| matches!(stage, Stage::Preparing { .. })));
    assert_eq!(results.curves[0].points[1].samples_s.len(), 1);
    assert!(results.findings[0].contains("broken off"));
}

#[test]
fn a_workload_that_fails_ends_the_study() {
    let runs = AtomicUsize::new(0);
    let failing = Workload::new("failing", |engine: &Engine| {
        engine.sum(&engine.zeros::<f64, _>(10)?)?;
        match runs.fetch_add(1, Ordering::Relaxed) {
            5 => Err(Error::Refused { kernel: "it".into(), reason: "is tired".into() }),
            _ => Ok(()),
        }
    });
    let error = Study::new().add(failing).workers([1]).time(SHORT).run().unwrap_err();
    assert!(error.to_string().contains("is tired"), "{error}");
}

#[test]
fn results_are_saved_and_read_again() {
    let results = short().add(triad()).run().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = results.save(folder.path()).unwrap();
    assert_eq!(files, ["scale.json", "scale.svg", "roofline.svg", "scale.html"]);
    for file in &files {
        assert!(folder.path().join(file).metadata().unwrap().len() > 1000, "{file}");
    }
    assert_eq!(Results::read(folder.path().join("scale.json")).unwrap(), results);
    results.save(folder.path()).expect("an earlier study is replaced");
    let text = results.to_json().unwrap();
    for (from, to, said) in [
        ("gristmill scale 1", "gristmill scale 2", "is read here"),
        ("\"curves\"", "\"carves\"", "no whole scale.json"),
        ("{", "", "no scale.json"),
    ] {
        let error = Results::from_json(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let table = results.table();
    assert!(table.contains("my triad, 10000 elements") && table.contains("speed-up"), "{table}");
}
