//! Gathering against indexing one by one.

use crate::data::engine;
use gristmill::Error;
use gristmill_kernels::Gather;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_places(
        x in prop::collection::vec(any::<i64>(), 1..2000),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20_000),
    ) {
        let places: Vec<u64> = places.iter().map(|i| i.index(x.len()) as u64).collect();
        let expected: Vec<i64> = places.iter().map(|&i| x[i as usize]).collect();
        let x = engine().array_from(&ndarray::Array1::from(x)).unwrap();
        let wide = engine().array_from(&ndarray::Array1::from(places.clone())).unwrap();
        let narrow = engine().from_fn(places.len(), |i| places[i] as u32).unwrap();
        let mut y = engine().filled(places.len(), i64::MAX).unwrap();
        engine().run(&Gather::new(), (&x, &wide, &mut y)).unwrap();
        prop_assert_eq!(y.as_slice(), &expected[..]);
        let mut y = engine().filled(places.len(), i64::MAX).unwrap();
        engine().run(&Gather::new(), (&x, &narrow, &mut y)).unwrap();
        prop_assert_eq!(y.as_slice(), &expected[..]);
    }
}

#[test]
fn an_index_out_of_reach_is_named_with_its_place() {
    let x = engine().zeros::<f32, _>((5, 6)).unwrap();
    let mut y = engine().zeros::<f32, _>(90_000).unwrap();
    for (wrong, at) in [(30, 80_123), (u64::MAX, 3)] {
        let places = |i| if i == at { wrong } else { 29 };
        let index = engine().from_fn(y.len(), places).unwrap();
        let error = engine().run(&Gather::new(), (&x, &index, &mut y)).unwrap_err();
        let Error::Panicked(panic) = &error else { panic!("{error}") };
        let told = format!("index {at} is {wrong}, and x has 30 elements");
        assert!(panic.to_string().contains(&told), "{panic}");
    }
}
