//! Tasks at once, if there are threads.

/// Runs both: in parallel if `parallel` and the feature `rayon` is on, else one after the other.
pub(super) fn join(parallel: bool, left: impl FnOnce() + Send, right: impl FnOnce() + Send) {
    #[cfg(feature = "rayon")]
    if parallel {
        rayon::join(left, right);
        return;
    }
    let _ = parallel;
    left();
    right();
}

/// How many threads there are.
pub(super) fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    1
}
