//! Buffers that outlive a call, one set per thread, so that kernels allocate nothing once they have run at a size.

use crate::Element;
use std::any::Any;
use std::cell::RefCell;

/// The idle buffers of a thread.
#[derive(Default)]
struct Idle {
    single: Vec<Vec<f32>>,
    double: Vec<Vec<f64>>,
}

thread_local! {
    static IDLE: RefCell<Idle> = RefCell::default();
}

/// The idle buffers of element type `T`.
fn idle<T: Element>(all: &mut Idle) -> &mut Vec<Vec<T>> {
    let Idle { single, double } = all;
    let (single, double): (&mut dyn Any, &mut dyn Any) = (single, double);
    single.downcast_mut().or_else(|| double.downcast_mut()).expect("an element type is f32 or f64")
}

/// Calls `f` with a buffer of arbitrary contents and length, kept for the next call.
///
/// The buffer is taken out of the pool meanwhile, so that `f` may use others, and so may a task that this thread takes
/// over while it waits for another.
pub(crate) fn with<T: Element, R>(f: impl FnOnce(&mut Vec<T>) -> R) -> R {
    let mut buffer = IDLE.with_borrow_mut(|all| idle::<T>(all).pop()).unwrap_or_default();
    let result = f(&mut buffer);
    IDLE.with_borrow_mut(|all| idle::<T>(all).push(buffer));
    result
}

/// [`with`], as a slice of `len` elements of arbitrary contents.
pub(crate) fn slice<T: Element, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    with(|buffer| {
        if buffer.len() < len {
            buffer.resize(len, T::zero());
        }
        f(&mut buffer[..len])
    })
}
