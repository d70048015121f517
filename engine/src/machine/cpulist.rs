//! Sets of CPU numbers in the form in which the kernel writes them: "0-3,8,10-11".
//!
//! Reads also the strides of `taskset` ("0-30:2", every second CPU) and the groups that the kernel
//! accepts ("0-31:2/8", the first two of every eight). Writes plain ranges only, as the kernel
//! does. Knows no hexadecimal masks.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// No CPU number reaches this (Linux is built for at most 8192 CPUs): a malformed range must not
/// eat the memory.
const CPU_END: usize = 1 << 16;

/// A set of CPU numbers, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CpuList(BTreeSet<usize>);

impl CpuList {
    /// The CPUs, ascending.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.0.iter().copied()
    }

    /// How many CPUs there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `cpu` is one of them.
    pub(crate) fn contains(&self, cpu: usize) -> bool {
        self.0.contains(&cpu)
    }

    /// The CPUs that both have.
    pub(crate) fn intersection(&self, other: &CpuList) -> CpuList {
        self.0.intersection(&other.0).copied().collect()
    }
}

impl FromIterator<usize> for CpuList {
    fn from_iter<I: IntoIterator<Item = usize>>(cpus: I) -> Self {
        CpuList(cpus.into_iter().collect())
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if_eq(&(last + 1)) {
                last = next;
            }
            write!(out, "{separator}{first}")?;
            if last > first {
                write!(out, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

/// A text that is no list of CPUs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{item:?} is no CPU number or range below {CPU_END}; write for example 0-3,8 or 0-14:2")]
pub(crate) struct CpuListError {
    item: String,
}

impl FromStr for CpuList {
    type Err = CpuListError;

    /// An empty text is the empty list.
    fn from_str(text: &str) -> Result<Self, CpuListError> {
        match text.trim() {
            "" => Ok(CpuList::default()),
            text => Ok(in_order(text)?.into_iter().collect()),
        }
    }
}

/// The CPUs of a list in the order in which it names them, each once.
pub(crate) fn in_order(text: &str) -> Result<Vec<usize>, CpuListError> {
    let (mut cpus, mut met) = (vec![], BTreeSet::new());
    for item in text.split(',') {
        let range =
            Range::parse(item.trim()).ok_or_else(|| CpuListError { item: item.to_owned() })?;
        let chosen =
            (range.first..=range.last).filter(|cpu| (cpu - range.first) % range.group < range.used);
        cpus.extend(chosen.filter(|cpu| met.insert(*cpu)));
    }
    Ok(cpus)
}

/// One item of a list: from `first` to `last`, of every `group` CPUs the first `used`.
struct Range {
    first: usize,
    last: usize,
    used: usize,
    group: usize,
}

impl Range {
    fn parse(item: &str) -> Option<Range> {
        let (bounds, stride) = match item.split_once(':') {
            Some((bounds, stride)) => (bounds, Some(stride)),
            None => (item, None),
        };
        let (first, last) = match bounds.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(bounds)?, number(bounds)?),
        };
        let (used, group) = match stride {
            None => (1, 1),
            Some(stride) => match stride.split_once('/') {
                Some((used, group)) => (number(used)?, number(group)?),
                None => (1, number(stride)?),
            },
        };
        let valid = first <= last && last < CPU_END && group > 0 && used <= group;
        valid.then_some(Range { first, last, used, group })
    }
}

/// Digits only: `usize::from_str` would take a sign as well.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cpus(text: &str) -> Vec<usize> {
        text.parse::<CpuList>().expect(text).iter().collect()
    }

    #[test]
    fn reads_what_the_kernel_writes() {
        assert_eq!(cpus(""), [0usize; 0]);
        assert_eq!(cpus("5\n"), [5]);
        assert_eq!(cpus("0-3,8,10-11"), [0, 1, 2, 3, 8, 10, 11]);
    }

    #[test]
    fn reads_strides_and_groups() {
        assert_eq!(cpus("0-6:2,9"), [0, 2, 4, 6, 9]);
        assert_eq!(cpus("0-3,8,10-11:2"), [0, 1, 2, 3, 8, 10]);
        assert_eq!(cpus("0-9:2/4"), [0, 1, 4, 5, 8, 9]);
    }

    #[test]
    fn an_ordered_list_keeps_the_order_and_names_each_once() {
        assert_eq!(in_order("3,0-2,1").unwrap(), [3, 0, 1, 2]);
        assert_eq!(in_order("8-12:2, 5").unwrap(), [8, 10, 12, 5]);
        for wrong in ["", "1,", "2-1", "x"] {
            assert!(in_order(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn writes_ranges() {
        let list: CpuList = [11, 0, 2, 1, 3, 8, 10].into_iter().collect();
        assert_eq!(list.to_string(), "0-3,8,10-11");
    }

    #[test]
    fn refuses_what_is_no_list_and_says_which_item() {
        for text in [
            "x",
            "1,,2",
            "3-1",
            "0-3:0",
            "0-3:2/0",
            "0-3:3/2",
            "-1",
            "+1",
            "0-99999999999",
            "0-65536",
            "ff,0",
        ] {
            let error = text.parse::<CpuList>().expect_err(text);
            assert!(error.to_string().contains("no CPU number or range"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            cpus in prop::collection::btree_set(0_usize..300, 0..80),
        ) {
            let list = CpuList(cpus);
            prop_assert_eq!(list.to_string().parse::<CpuList>(), Ok(list));
        }

        #[test]
        fn a_group_is_the_naive_filter(
            first in 0_usize..50,
            length in 0_usize..50,
            used in 0_usize..9,
            more in 0_usize..9,
        ) {
            prop_assume!(used + more > 0);
            let (last, group) = (first + length, used + more);
            let naive: Vec<usize> =
                (first..=last).filter(|cpu| (cpu - first) % group < used).collect();
            prop_assert_eq!(cpus(&format!("{first}-{last}:{used}/{group}")), naive);
        }

        #[test]
        fn no_text_panics(text in "[0-9,:/\\-]{0,24}|\\PC{0,24}") {
            let _ = text.parse::<CpuList>();
        }
    }
}
