//! The same bits for any number of workers, on every kernel.

use crate::data::{elevation, mixed};
use gristmill::{Array, Element, Engine};
use gristmill_kernels::*;
use ndarray::{Array2, Dimension};

/// Numbers of workers that divide nothing evenly.
const WORKERS: [usize; 5] = [1, 2, 3, 5, 8];

/// Bits of all results, by the name of what was computed.
type Bits = Vec<(&'static str, Vec<u8>)>;

fn bits_of<T: Element, D: Dimension>(array: &Array<T, D>) -> Vec<u8> {
    bytemuck::cast_slice(array.as_slice()).to_vec()
}

fn reductions(engine: &Engine) -> gristmill::Result<Bits> {
    let x = engine.from_fn(100_003, mixed)?;
    let y = engine.from_fn(100_003, |i| mixed(i + 7))?;
    let narrow = engine.from_fn(100_003, |i| mixed(i) as f32)?;
    let near_one = engine.from_fn(100_003, |i| 1.0 + mixed(i).fract() * 1e-3)?;
    let number = |x: f64| x.to_bits().to_ne_bytes().to_vec();
    let text = |x: &dyn std::fmt::Debug| format!("{x:?}").into_bytes();
    Ok(vec![
        ("dot", number(engine.run(&Dot::new(), (&x, &y))?)),
        ("sum", number(engine.run(&Sum::new(), &x)?)),
        ("sum of f32", number(engine.run(&Sum::new(), &narrow)?)),
        ("sum_exact", number(engine.run(&SumExact::new(), &x)?.to_f64())),
        ("prod", number(engine.run(&Prod::new(), &near_one)?)),
        ("min", number(engine.run(&Min::new(), &x)?)),
        ("max", number(engine.run(&Max::new(), &x)?)),
        ("argmin", text(&engine.run(&ArgMin::new(), &x)?)),
        ("argmax", text(&engine.run(&ArgMax::new(), &x)?)),
        ("mean", text(&engine.run(&Mean::new(), &x)?)),
        ("variance", text(&engine.run(&Variance::new(), &x)?)),
        ("norm2", text(&engine.run(&Norm2::new(), &x)?)),
        ("summary", text(&engine.run(&Summary::new(), &x)?)),
    ])
}

fn arrays(engine: &Engine) -> gristmill::Result<Bits> {
    let x = engine.from_fn(100_003, mixed)?;
    let mut y = engine.from_fn(100_003, |i| mixed(i + 7))?;
    let mut z = engine.zeros(100_003)?;
    let mut all = vec![];
    engine.run(&Axpy { a: 0.3 }, (&x, &mut y))?;
    all.push(("axpy", bits_of(&y)));
    engine.run(&Triad { a: 0.7 }, (&x, &y, &mut z))?;
    all.push(("triad", bits_of(&z)));
    scan(engine, &x, &mut z, Scan::Inclusive)?;
    all.push(("inclusive scan", bits_of(&z)));
    scan(engine, &x, &mut z, Scan::Exclusive)?;
    all.push(("exclusive scan", bits_of(&z)));
    engine.run(&CopyTo::new(), (&x, &mut z))?;
    all.push(("copy", bits_of(&z)));
    let places = engine.from_fn(z.len(), |i| (i as u32).wrapping_mul(77_777) % 100_003)?;
    engine.run(&Gather::new(), (&x, &places, &mut z))?;
    all.push(("gather", bits_of(&z)));
    let matrix = engine.from_fn((333, 257), |(i, j)| mixed(i * 257 + j))?;
    let mut transposed = engine.zeros((257, 333))?;
    engine.run(&Transpose::new(), (&matrix, &mut transposed))?;
    all.push(("transpose", bits_of(&transposed)));
    let mut counts = engine.zeros(100)?;
    let outside = engine.run(&Histogram::new(100, [-1.0, 1.0]), (&x, &mut counts))?;
    all.push(("histogram", bits_of(&counts)));
    all.push(("outside", bytemuck::bytes_of(&outside).to_vec()));
    let keys = engine.from_fn(200_003, |i| mixed(i).to_bits() as i32)?;
    for bins in [100, 300_000] {
        let mut counts = engine.zeros(bins)?;
        let outside = bin_count(engine, &keys, &mut counts)?;
        all.push(("bin counts", bits_of(&counts)));
        all.push(("in no bin", outside.to_ne_bytes().to_vec()));
    }
    let mut in_order = engine.from_fn(200_003, |i| mixed(i / 2))?;
    sort(engine, &mut in_order)?;
    all.push(("sort", bits_of(&in_order)));
    engine.run(&Uniform { seed: 1, stream: 2 }, &mut z)?;
    all.push(("uniform", bits_of(&z)));
    let mut hits = engine.zeros(300)?;
    engine.run(&PiHits { seed: 1, points: 100 }, &mut hits)?;
    all.push(("pi hits", bits_of(&hits)));
    engine.run(&Fill { value: 0.1 }, &mut z)?;
    all.push(("fill", bits_of(&z)));
    Ok(all)
}

fn linear(engine: &Engine) -> gristmill::Result<Bits> {
    let mut all = vec![];
    let a = engine.from_fn((333, 257), |(i, j)| mixed(i * 257 + j))?;
    let b = engine.from_fn((257, 129), |(i, j)| mixed(i * 129 + j + 3))?;
    let mut c = engine.zeros((333, 129))?;
    engine.run(&MatMul::new(), (&a, &b, &mut c))?;
    all.push(("matmul", bits_of(&c)));
    engine.run(&Gemm { alpha: 0.3, beta: 0.7 }, (&a, &b, &mut c))?;
    all.push(("gemm", bits_of(&c)));
    let offsets: Vec<u64> = (0..=5000).map(|row| row * 7).collect();
    let columns: Vec<u32> = (0..35_000).map(|element| element * 7919 % 5000).collect();
    let values: Vec<f64> = (0..35_000).map(mixed).collect();
    let sparse = Csr::new(engine, [5000, 5000], &offsets, &columns, &values)?;
    let x = engine.from_fn(5000, mixed)?;
    let mut y = engine.zeros(5000)?;
    sparse.multiply(engine, &x, &mut y)?;
    all.push(("spmv", bits_of(&y)));
    Ok(all)
}

fn benchmarks(engine: &Engine) -> gristmill::Result<Bits> {
    let mut accepted = engine.zeros(5)?;
    let deviates = engine.run(&npb::Gaussian, &mut accepted)?;
    let mut search = npb::InverseIteration::new(engine, &npb::makea(1000, 5, 10.0))?;
    let found = search.run(engine, 10.0, 2)?;
    let keys = engine.array_from(&ndarray::aview1(&npb::keys(100_003, 5000)))?;
    let mut ranking = npb::Ranking::new(engine, 5000)?;
    Ok(vec![
        ("deviates", bytemuck::bytes_of(&deviates).to_vec()),
        ("zeta", bytemuck::bytes_of(&[found.zeta, found.residual]).to_vec()),
        ("ranks", bytemuck::cast_slice(ranking.rank(engine, &keys)?).to_vec()),
    ])
}

fn maps(engine: &Engine, elevation: &Array2<f64>) -> gristmill::Result<Bits> {
    let z = engine.array_from(&elevation.view())?;
    let mut map = engine.zeros(z.dim())?;
    let mut all = vec![];
    let cell = [92.6, 74.4];
    engine.run(&Slope { cell }, (&z, &mut map))?;
    all.push(("slope", bits_of(&map)));
    let light = Hillshade { azimuth: 315.0, altitude: 45.0, z_factor: 1.0, cell };
    engine.run(&light, (&z, &mut map))?;
    all.push(("hillshade", bits_of(&map)));
    engine.run(&SkyView { azimuths: 8, radius: 20, cell }, (&z, &mut map))?;
    all.push(("sky_view", bits_of(&map)));
    let end = heat(engine, &mut map, 0.2, 1e-4, 30)?;
    all.push(("heat", bits_of(&map)));
    all.push(("change", end.change.to_bits().to_ne_bytes().to_vec()));
    Ok(all)
}

fn computations(engine: &Engine) -> gristmill::Result<Bits> {
    let mut all = vec![];
    let points = engine.from_fn((5003, 5), |(i, axis)| mixed(i * 5 + axis).fract())?;
    let mut centres = engine.from_fn((7, 5), |(i, axis)| mixed(i * 11 * 5 + axis).fract())?;
    let mut labels = engine.zeros(5003)?;
    let found = kmeans(engine, &points, &mut centres, &mut labels, 0.0, 6)?;
    all.push(("kmeans", bits_of(&centres)));
    all.push(("labels", bits_of(&labels)));
    all.push(("clustering", format!("{found:?}").into_bytes()));
    let masses = engine.filled(333, 1.0 / 333.0)?;
    let mut x = engine.from_fn((3, 333), |(axis, i)| mixed(axis * 333 + i).fract())?;
    let mut v = engine.zeros((3, 333))?;
    let gravity = Gravity { constant: 1.0, softening: 0.01 };
    leapfrog(engine, &gravity, &masses, &mut x, &mut v, 1e-3, 3)?;
    all.push(("leapfrog", bits_of(&x)));
    let energies = engine.run(&Energy { gravity }, (&masses, &x, &v))?;
    all.push(("energies", bytemuck::bytes_of(&energies).to_vec()));
    let mut picture = engine.zeros((77, 131))?;
    let set = Mandelbrot { real: [-2.0, 0.5], imaginary: [-1.2, 1.2], steps_max: 99 };
    engine.run(&set, &mut picture)?;
    all.push(("mandelbrot", bits_of(&picture)));
    let stock = engine.from_fn(20_003, |i| mixed(i).abs())?;
    let strike = engine.from_fn(20_003, |i| mixed(i).abs() * (1.0 + mixed(i + 9).fract() / 4.0))?;
    let years = engine.from_fn(20_003, |i| 4.0 * mixed(i + 5).abs().fract())?;
    let [mut call, mut put] = [engine.zeros(20_003)?, engine.zeros(20_003)?];
    let market = BlackScholes { rate: 0.05, volatility: 0.3 };
    engine.run(&market, (&stock, &strike, &years, &mut call, &mut put))?;
    all.push(("calls", bits_of(&call)));
    all.push(("puts", bits_of(&put)));
    Ok(all)
}

#[test]
fn every_kernel_gives_the_same_bits() {
    let elevation = elevation();
    let all = |workers: usize| {
        let engine = Engine::builder().workers(workers).build()?;
        let mut all = reductions(&engine)?;
        all.extend(arrays(&engine)?);
        all.extend(linear(&engine)?);
        all.extend(benchmarks(&engine)?);
        all.extend(maps(&engine, &elevation)?);
        all.extend(computations(&engine)?);
        Ok::<Bits, gristmill::Error>(all)
    };
    let one = all(1).unwrap();
    for workers in WORKERS {
        for ((name, own), (_, expected)) in all(workers).unwrap().iter().zip(&one) {
            assert!(own == expected, "{name} differs with {workers} workers");
        }
    }
}

#[test]
fn ten_million_numbers_of_mixed_magnitude_have_one_sum() {
    let numbers: Vec<f64> = (0..10_000_000).map(mixed).collect();
    let mut exact = vec![];
    let sums = WORKERS.map(|workers| {
        let engine = Engine::builder().workers(workers).build().unwrap();
        let x = engine.array_from(&ndarray::aview1(&numbers)).unwrap();
        // Slow without optimisation, so not with every engine.
        if workers % 2 == 0 {
            exact.push(engine.run(&SumExact::new(), &x).unwrap().to_f64());
        }
        engine.sum(&x).unwrap()
    });
    assert!(sums.iter().all(|sum| sum.to_bits() == sums[0].to_bits()), "{sums:?}");
    assert_eq!(exact[0].to_bits(), exact[1].to_bits());
    let absolute: f64 = numbers.iter().map(|x| x.abs()).sum();
    assert!((sums[0] - exact[0]).abs() <= 1e-12 * absolute, "{sums:?} {exact:?}");
}
