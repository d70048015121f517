//! The order of steps: each after those that it reads, otherwise as in the file. Pure.

/// An order of `0..reads.len()` in which everything comes after what it reads, the earliest first
/// where that is free. Otherwise the loops: each a list of steps that read the next one, the last
/// reading the first.
pub(crate) fn order(reads: &[Vec<usize>]) -> Result<Vec<usize>, Vec<Vec<usize>>> {
    let mut settled = vec![false; reads.len()];
    let mut order = Vec::new();
    let mut loops = Vec::new();
    loop {
        let open = |step: &usize| !settled[*step];
        let ready = |step: &usize| reads[*step].iter().all(|read| settled[*read]);
        if let Some(step) = (0..reads.len()).filter(open).find(ready) {
            settled[step] = true;
            order.push(step);
        } else if let Some(start) = (0..reads.len()).find(open) {
            let found = loop_from(start, reads, &settled);
            // Taken as settled from here on, so that what merely follows a loop is not called one.
            found.iter().for_each(|&step| settled[step] = true);
            loops.push(found);
        } else {
            return if loops.is_empty() { Ok(order) } else { Err(loops) };
        }
    }
}

/// Walks from `start` along what is not settled. Nothing is ready, so every such step reads
/// another, and the walk must come back to where it was.
fn loop_from(start: usize, reads: &[Vec<usize>], settled: &[bool]) -> Vec<usize> {
    let mut walk = vec![start];
    loop {
        let last = walk[walk.len() - 1];
        let next = reads[last].iter().copied().find(|&read| !settled[read]);
        let Some(next) = next else { return walk };
        if let Some(at) = walk.iter().position(|&step| step == next) {
            let mut found = walk.split_off(at);
            // From its earliest step on: the same loop is then always named the same way.
            let earliest = (0..found.len()).min_by_key(|&at| found[at]).unwrap_or(0);
            found.rotate_left(earliest);
            return found;
        }
        walk.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_the_file_where_free() {
        assert_eq!(order(&[]), Ok(vec![]));
        assert_eq!(order(&[vec![], vec![], vec![]]), Ok(vec![0, 1, 2]));
        assert_eq!(order(&[vec![2], vec![], vec![]]), Ok(vec![1, 2, 0]));
        assert_eq!(order(&[vec![1, 1], vec![2], vec![]]), Ok(vec![2, 1, 0]));
    }

    #[test]
    fn loops_are_named_once_and_what_follows_them_is_not() {
        assert_eq!(order(&[vec![0]]), Err(vec![vec![0]]));
        assert_eq!(order(&[vec![1], vec![2], vec![1]]), Err(vec![vec![1, 2]]));
        let two = [vec![1], vec![0], vec![3], vec![2], vec![0]];
        assert_eq!(order(&two), Err(vec![vec![0, 1], vec![2, 3]]));
    }
}
