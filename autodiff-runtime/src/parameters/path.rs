//! The name of the leaf being visited.

use std::cell::Cell;
use std::fmt::Write;

/// The name of a leaf that is the whole model, as when a bare array is used as one.
pub const ROOT: &str = "value";

thread_local! {
    /// The buffer of the last path dropped, so that a training step does not allocate for names.
    static SPARE: Cell<String> = const { Cell::new(String::new()) };
}

/// The dotted name of a leaf, built while visiting: `layers.3.w`.
#[derive(Debug)]
pub struct Path {
    name: String,
}

impl Path {
    /// The root.
    #[must_use]
    pub fn new() -> Self {
        let mut name = SPARE.take();
        name.clear();
        Self { name }
    }

    /// The name of the leaf here; [`ROOT`] at the root.
    #[must_use]
    pub fn name(&self) -> &str {
        if self.name.is_empty() { ROOT } else { &self.name }
    }

    /// Runs `visit` one level down, in the field called `field`.
    pub fn field<R>(&mut self, field: &str, visit: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.name.len();
        self.separate();
        self.name.push_str(field);
        let result = visit(self);
        self.name.truncate(before);
        result
    }

    /// Runs `visit` one level down, in element `index`.
    pub fn index<R>(&mut self, index: usize, visit: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.name.len();
        self.separate();
        write!(self.name, "{index}").expect("writing to a string cannot fail");
        let result = visit(self);
        self.name.truncate(before);
        result
    }

    fn separate(&mut self) {
        if !self.name.is_empty() {
            self.name.push('.');
        }
    }
}

impl Default for Path {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        // During thread teardown there is nothing left to save for.
        let _ = SPARE.try_with(|spare| spare.set(std::mem::take(&mut self.name)));
    }
}
