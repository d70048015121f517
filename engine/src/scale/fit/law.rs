//! Laws of scaling, each as a sum of linear terms.
//!
//! A law gives a quantity q(p) for p workers: the time of a unit of work or, where the law is one of
//! throughput, the units in a second. All three are linear in coefficients, if these are well
//! chosen: q(p) = Σ cᵢ xᵢ(p), with every coefficient 0 or more. Then a curve is fitted without
//! steps that may not converge, and all that is asked of it is a ratio of two such sums:
//!
//! | law | q(p) | coefficients | parameters |
//! |---|---|---|---|
//! | Amdahl | a + b / p, a time | a = s T₁, b = (1 - s) T₁ | s = a / q(1) |
//! | Gustafson | c + d p, a rate | c = s R₁, d = (1 - s) R₁ | s = c / q(1) |
//! | Universal | u / p + v (p - 1) / p + w (p - 1), a time | u = T₁, v = α T₁, w = β T₁ | α = v / q(1), β = w / q(1) |
//!
//! That no coefficient is below 0 keeps s from 0 to 1, and α and β from falling below 0.
//!
//! Sources: G. M. Amdahl, "Validity of the single processor approach to achieving large scale
//! computing capabilities", AFIPS 1967. J. L. Gustafson, "Reevaluating Amdahl's law",
//! Communications of the ACM 31, 1988. N. J. Gunther, "A simple capacity model of massively
//! parallel transaction systems", CMG 1993, and "Guerrilla Capacity Planning", 2007, chapter 4.

use crate::scale::{Model, Scaling};

impl Scaling {
    /// The laws that are about it.
    pub(super) fn laws(self) -> [Model; 2] {
        match self {
            Scaling::Strong => [Model::Amdahl, Model::Universal],
            Scaling::Weak => [Model::Gustafson, Model::Universal],
        }
    }
}

impl Model {
    /// What each coefficient is multiplied by, for so many workers.
    pub(super) fn terms(self, workers: f64) -> Vec<f64> {
        match self {
            Model::Amdahl => vec![1.0, 1.0 / workers],
            Model::Gustafson => vec![1.0, workers],
            Model::Universal => vec![1.0 / workers, (workers - 1.0) / workers, workers - 1.0],
        }
    }

    /// The coefficients that are parameters once they are divided by q(1), in the order of
    /// [`Model::parameters`].
    pub(super) fn numerators(self) -> &'static [usize] {
        match self {
            Model::Amdahl | Model::Gustafson => &[0],
            Model::Universal => &[1, 2],
        }
    }

    /// Whether q is a rate; else it is a time.
    pub(super) fn is_of_rates(self) -> bool {
        self == Model::Gustafson
    }

    /// The greatest that a parameter can be; the least is 0.
    pub(super) fn parameter_max(self) -> f64 {
        match self {
            Model::Amdahl | Model::Gustafson => 1.0,
            Model::Universal => f64::INFINITY,
        }
    }

    /// The least and the greatest speed-up that it allows for so many workers.
    pub(super) fn speedup_range(self, workers: f64) -> (f64, f64) {
        match self {
            Model::Amdahl | Model::Gustafson => (1.0, workers),
            Model::Universal => (0.0, workers),
        }
    }

    /// How many figures are fitted: the time of one worker is one more than the parameters.
    pub(super) fn unknowns(self) -> usize {
        self.parameters().len() + 1
    }

    /// Its name and what is fitted, in words.
    pub(super) fn needs(self) -> String {
        let name = match self {
            Model::Amdahl => "Amdahl's law",
            Model::Gustafson => "Gustafson's law",
            Model::Universal => "the Universal Scalability Law",
        };
        let parameters = self.parameters().join(", and the ");
        let unknowns = self.unknowns();
        format!("{name} has {unknowns} parameters: the time of one worker, and the {parameters}")
    }
}
