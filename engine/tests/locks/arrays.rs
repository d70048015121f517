//! Arrays with locks.

use crate::{engine, panic_of};
use gristmill::{Error, LockError, LockedArray};
use ndarray::{Array2, Ix1, Ix2, IxDyn, array};

fn cumulate(seq: LockedArray<i32, Ix1>) {
    let mut seq = seq.lock().unwrap();
    for i in 1..seq.len() {
        seq[i] += seq[i - 1];
    }
}

/// _TestArray.test_array, test_getobj_getlock_obj: what another process does under the lock is seen.
#[test]
fn what_another_process_writes_is_seen() {
    let engine = engine();
    let seq = array![680, 626, 934, 821, 150, 233, 548, 982, 714, 831];
    let shared = engine.locked_array_from(&seq.view()).unwrap();
    assert_eq!((shared.dim().unwrap(), shared.lock().unwrap().len()), (10, 10));
    let mut guard = shared.lock().unwrap();
    assert_eq!((guard[3], &guard[2..7]), (821, &[934, 821, 150, 233, 548][..]));
    guard[4..8].copy_from_slice(&[1, 2, 3, 4]);
    drop(guard);
    engine.spawn(cumulate, shared.clone()).unwrap().join().unwrap();
    assert_eq!(
        *shared.lock().unwrap(),
        [680, 1306, 2240, 3061, 3062, 3064, 3067, 3071, 3785, 4616]
    );
}

/// _TestArray.test_array_from_size: zeros, also where memory was used before.
#[test]
fn made_of_a_size_it_is_zeros() {
    let engine = engine();
    for _ in 0..3 {
        let array = engine.locked_array::<u64, _>(1000).unwrap();
        let mut guard = array.lock().unwrap();
        assert_eq!(*guard, [0; 1000]);
        guard.fill(7);
    }
    let empty = engine.locked_array::<u64, _>((0, 3)).unwrap();
    assert_eq!((empty.lock().unwrap().len(), empty.dim().unwrap()), (0, (0, 3)));
}

/// Views of any dimension, of ones that lie otherwise too.
#[test]
fn views_have_the_shape() {
    let engine = engine();
    let rows = Array2::from_shape_fn((3, 4), |(i, j)| 10 * i + j);
    let turned = engine.locked_array_from(&rows.t()).unwrap();
    let sum = |turned: LockedArray<usize, Ix2>| {
        let guard = turned.lock().unwrap();
        (guard.view().row(1).to_vec(), guard.view().dim())
    };
    assert_eq!(
        engine.spawn(sum, turned.clone()).unwrap().join().unwrap(),
        (vec![1, 11, 21], (4, 3))
    );
    turned.lock().unwrap().view_mut().column_mut(2).fill(0);
    assert_eq!(turned.lock().unwrap().view().sum(), rows.slice(ndarray::s![..2, ..]).sum());
    let shape = IxDyn(&[2, 1, 2, 1, 2]);
    let many = engine.locked_array::<f32, _>(shape.clone()).unwrap();
    assert_eq!(many.lock().unwrap().view().raw_dim(), shape);
    let too_many = engine.locked_array::<f32, _>(IxDyn(&[1; 15]));
    assert!(matches!(too_many, Err(Error::Limit { limit: 14, .. })));
}

/// A death in the midst of it is told, and what was written so far is there.
#[test]
fn a_death_is_told_of() {
    let engine = engine();
    let array = engine.locked_array::<u32, _>(10).unwrap();
    let die = |array: LockedArray<u32, Ix1>| {
        array.lock().unwrap()[..5].fill(1);
        let _guard = array.lock().unwrap();
        crate::die();
    };
    engine.spawn(die, array.clone()).unwrap().wait();
    assert!(array.lock().is_err());
    let guard = array.lock().or_else(LockError::accept).unwrap();
    assert_eq!(guard.iter().sum::<u32>(), 5);
    let again = panic_of(|| drop(array.lock()));
    assert!(again.contains("already holds an array"), "{again}");
}

/// Strides are computed from all axes, also where one has no elements.
#[test]
fn a_shape_beyond_all_memory_is_refused_though_it_is_empty() {
    let engine = engine();
    engine.locked_array::<u8, _>((0, 1 << 40, 1 << 40)).unwrap_err();
    let empty = engine.locked_array::<u8, _>((0, 1 << 40)).unwrap();
    assert_eq!(empty.lock().unwrap().view().len(), 0);
}
