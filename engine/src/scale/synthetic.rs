//! Numbers that look like measurements, for tests: functions of a seed alone.

/// Random numbers: SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Even between 0 and 1, neither of which it is.
    pub(crate) fn even(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }

    /// Normal, with a mean of 0 and a variance of 1 (Box and Muller, 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.even().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.even()).cos()
    }

    /// Factors around 1, of which 1 is the median: skewed, as times are. Each depends on the one
    /// before by a correlation, from 0 for not at all.
    pub(crate) fn skewed(&mut self, count: usize, width: f64, correlation: f64) -> Vec<f64> {
        let mut state = self.normal();
        let mut next = || {
            let fresh = (1.0 - correlation * correlation).sqrt() * self.normal();
            state = correlation * state + fresh;
            1.0 + width * (state.exp() - 1.0)
        };
        (0..count).map(|_| next()).collect()
    }
}
