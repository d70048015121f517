//! The terrain job's heavy step: how it scales from one worker to two, and to all.

use crate::measure::{Bench, Row, Side, Unit, timed};
use crate::{engine, together};
use gristmill::Engine;
use gristmill_kernels::SkyView;
use ndarray::Array2;

pub(crate) fn sky_view(bench: &Bench) -> Vec<Row> {
    const NODATA: i16 = -32768;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/terrain.npy");
    let terrain: Array2<i16> = ndarray_npy::read_npy(path).expect("the grid is there");
    let terrain = terrain.mapv(|metres| if metres == NODATA { f64::NAN } else { metres.into() });
    let alone = engine(1);
    let rows = together(bench).into_iter().map(|workers| {
        let several = engine(workers);
        let sides =
            vec![side("ours", &several, &terrain), side("ours, 1 worker", &alone, &terrain)];
        // The aim is one for two workers.
        let target = (workers == 2).then_some(1.8);
        bench.compare("sky_view", workers, Unit::Milliseconds(1.0), target, sides)
    });
    rows.collect()
}

fn side<'a>(name: &'static str, engine: &'a Engine, terrain: &Array2<f64>) -> Side<'a> {
    let kernel = SkyView { azimuths: 64, radius: 100, cell: [92.6, 74.4] };
    let elevation = engine.array_from(terrain).expect("memory");
    let mut map = engine.zeros(terrain.dim()).expect("memory");
    timed(name, move || engine.run(&kernel, (&elevation, &mut map)).expect("runs"))
}
