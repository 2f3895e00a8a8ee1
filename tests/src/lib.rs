//! Corpus and helpers of the test suite.
