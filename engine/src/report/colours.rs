//! Colour maps: from a value between 0 and 1 to red, green and blue.
//!
//! Only maps whose lightness grows evenly: a picture must not show edges that the data do not have.

/// The colours of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    Grey,
    Viridis,
    Magma,
}

impl Palette {
    /// All of them, in the order in which messages list them.
    pub(crate) const ALL: [Palette; 3] = [Palette::Grey, Palette::Viridis, Palette::Magma];

    /// The name as a job file writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Palette::Grey => "grey",
            Palette::Viridis => "viridis",
            Palette::Magma => "magma",
        }
    }
}

/// Coefficients per colour channel, constant term first.
type Polynomial = [[f64; 3]; 7];

/// viridis, by Nathaniel Smith, Stéfan van der Walt and Eric Firing (matplotlib, CC0,
/// bids.github.io/colormap), as the polynomial that Matt Zucker fitted to it
/// (shadertoy.com/view/WlfXRN, CC0).
const VIRIDIS: Polynomial = [
    [0.2777273272234177, 0.005407344544966578, 0.3340998053353061],
    [0.1050930431085774, 1.404613529898575, 1.384590162594685],
    [-0.3308618287255563, 0.214847559468213, 0.09509516302823659],
    [-4.634230498983486, -5.799100973351585, -19.33244095627987],
    [6.228269936347081, 14.17993336680509, 56.69055260068105],
    [4.776384997670288, -13.74514537774601, -65.35303263337234],
    [-5.435455855934631, 4.645852612178535, 26.3124352495832],
];

/// magma, of the same origin.
const MAGMA: Polynomial = [
    [-0.002136485053939582, -0.000749655052795221, -0.005386127855323933],
    [0.2516605407371642, 0.6775232436837668, 2.494026599312351],
    [8.353717279216625, -3.577719514958484, 0.3144679030132573],
    [-27.66873308576866, 14.26473078096533, -13.64921318813922],
    [52.17613981234068, -27.94360607168351, 12.94416944238394],
    [-50.76852536473588, 29.04658282127291, 4.23415299384598],
    [18.65570506591883, -11.48977351997711, -5.601961508734096],
];

/// The 256 colours of a palette, from the lowest value to the highest.
pub(crate) fn table(palette: Palette) -> Vec<[u8; 3]> {
    let at = |index: u8| f64::from(index) / 255.0;
    (0..=255)
        .map(|index| match palette {
            Palette::Grey => [index; 3],
            Palette::Viridis => colour(&VIRIDIS, at(index)),
            Palette::Magma => colour(&MAGMA, at(index)),
        })
        .collect()
}

fn colour(polynomial: &Polynomial, at: f64) -> [u8; 3] {
    std::array::from_fn(|channel| {
        let value = polynomial.iter().rev().fold(0.0, |sum, term| sum * at + term[channel]);
        (value * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Colours of matplotlib's own tables at 0, 1/4, 1/2, 3/4 and 1.
    const VIRIDIS_TRUE: [[u8; 3]; 5] =
        [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
    const MAGMA_TRUE: [[u8; 3]; 5] =
        [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];

    #[test]
    fn polynomials_are_close_to_the_tables_that_they_stand_for() {
        for (palette, truth) in [(Palette::Viridis, VIRIDIS_TRUE), (Palette::Magma, MAGMA_TRUE)] {
            let table = table(palette);
            for (quarter, truth) in truth.iter().enumerate() {
                let colour = table[(quarter * 255 + 2) / 4];
                for channel in 0..3 {
                    let distance = colour[channel].abs_diff(truth[channel]);
                    assert!(distance <= 6, "{palette:?} {quarter}: {colour:?} is not {truth:?}");
                }
            }
        }
    }

    #[test]
    fn lightness_grows() {
        for palette in Palette::ALL {
            let luma = |[red, green, blue]: [u8; 3]| {
                0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
            };
            let table = table(palette);
            for index in 8..256 {
                assert!(luma(table[index]) > luma(table[index - 8]), "{palette:?} at {index}");
            }
        }
    }
}
