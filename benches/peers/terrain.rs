//! The terrain job's heavy step: how it scales from one worker to two, and to all.

use crate::measure::{Bench, Row, Unit, timed};
use crate::{alone_and_together, engine};
use gristmill_kernels::SkyView;
use ndarray::Array2;

pub(crate) fn sky_view(bench: &Bench) -> Vec<Row> {
    const NODATA: i16 = -32768;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/terrain.npy");
    let terrain: Array2<i16> = ndarray_npy::read_npy(path).expect("the grid is there");
    let terrain = terrain.mapv(|metres| if metres == NODATA { f64::NAN } else { metres.into() });
    let kernel = SkyView { azimuths: 64, radius: 100, cell: [92.6, 74.4] };
    let alone = engine(1);
    let side = |engine, name| {
        let engine: &gristmill::Engine = engine;
        let elevation = engine.array_from(&terrain).expect("memory");
        let mut map = engine.zeros(terrain.dim()).expect("memory");
        timed(name, move || engine.run(&kernel, (&elevation, &mut map)).expect("runs"))
    };
    let rows = alone_and_together().into_iter().filter(|workers| *workers > 1).map(|workers| {
        let together = engine(workers);
        let sides = vec![side(&together, "ours"), side(&alone, "ours, 1 worker")];
        // The aim is one for two workers.
        let target = (workers == 2).then_some(1.8);
        bench.compare("sky_view", workers, Unit::Milliseconds(1.0), target, sides)
    });
    rows.collect()
}
