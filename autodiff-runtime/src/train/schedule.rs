//! Learning rates over time.

/// A learning rate as a function of the step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LearningRate {
    /// The same throughout.
    Constant(f64),
    /// Linear from 0 over `warmup` steps to `peak`, then half a cosine down to `end` at step `steps`
    /// (Loshchilov and Hutter 2017).
    Cosine {
        /// The highest rate.
        peak: f64,
        /// The rate at the end and after.
        end: f64,
        /// Steps of the linear rise.
        warmup: u64,
        /// The last step.
        steps: u64,
    },
    /// `start`, multiplied by `factor` every `every` steps.
    Step {
        /// The first rate.
        start: f64,
        /// What it is multiplied by.
        factor: f64,
        /// How often.
        every: u64,
    },
}

impl LearningRate {
    /// The rate at a step, counted from 0.
    #[must_use]
    pub fn at(&self, step: u64) -> f64 {
        match *self {
            LearningRate::Constant(rate) => rate,
            LearningRate::Cosine { peak, warmup, .. } if step < warmup => peak * (step + 1) as f64 / warmup as f64,
            LearningRate::Cosine { peak, end, warmup, steps } => {
                let done = (step.saturating_sub(warmup)) as f64 / steps.saturating_sub(warmup).max(1) as f64;
                end + (peak - end) * 0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
            }
            LearningRate::Step { start, factor, every } => start * factor.powf((step / every.max(1)) as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_rises_and_falls() {
        let rate = LearningRate::Cosine { peak: 1.0, end: 0.1, warmup: 10, steps: 110 };
        assert!((rate.at(0) - 0.1).abs() < 1e-12);
        assert!((rate.at(9) - 1.0).abs() < 1e-12 && (rate.at(10) - 1.0).abs() < 1e-12);
        assert!((rate.at(60) - 0.55).abs() < 1e-12);
        assert!((rate.at(110) - 0.1).abs() < 1e-12 && (rate.at(1000) - 0.1).abs() < 1e-12);
        assert_eq!(LearningRate::Step { start: 1.0, factor: 0.5, every: 10 }.at(25), 0.25);
    }
}
