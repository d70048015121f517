//! The fuzzer's corpus of job files, each checked by the command itself.

use super::place::Place;
use std::path::Path;

#[test]
fn every_job_of_the_corpus_has_an_answer() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/fuzz/corpus");
    let place = Place::new();
    for name in ["c_f8", "fortran_big_endian_i2", "c16", "0d"] {
        let array = std::fs::read(corpus.join(format!("npy/numpy_{name}"))).unwrap();
        place.file(&format!("{name}.npy"), array);
    }
    let mut right = 0;
    for job in std::fs::read_dir(corpus.join("job")).unwrap() {
        place.file("job.toml", std::fs::read(job.unwrap().path()).unwrap());
        let answer = place.gristmill("check job.toml");
        let refused = !answer.err.is_empty();
        let answer = answer.ends_with(if refused { 2 } else { 0 });
        assert!(!refused || answer.err.contains("job.toml"), "{answer:#?}");
        right += usize::from(!refused);
    }
    assert!(right >= 3, "{right} jobs of the corpus are right");
}
