//! Early stopping.

/// Stops a training when the validation loss has not fallen for a while (Prechelt 1998).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    patience: usize,
    least_gain: f64,
    best: f64,
    since: usize,
}

impl EarlyStopping {
    /// Stops after `patience` evaluations in a row none of which was better than the best by `least_gain`.
    #[must_use]
    pub fn new(patience: usize, least_gain: f64) -> Self {
        EarlyStopping { patience, least_gain, best: f64::INFINITY, since: 0 }
    }

    /// Takes note of a validation loss; whether it is the best so far, which is when to keep the weights.
    pub fn improved(&mut self, loss: f64) -> bool {
        if loss < self.best - self.least_gain {
            self.best = loss;
            self.since = 0;
            return true;
        }
        self.since += 1;
        false
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.since >= self.patience
    }

    /// The best loss so far, infinite before the first.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_its_patience() {
        let mut stop = EarlyStopping::new(2, 0.0);
        assert!(stop.improved(1.0));
        assert!(!stop.improved(1.0) && !stop.should_stop());
        assert!(!stop.improved(f64::NAN) && stop.should_stop());
        assert!(stop.improved(0.5) && !stop.should_stop());
        assert_eq!(stop.best(), 0.5);
    }
}
