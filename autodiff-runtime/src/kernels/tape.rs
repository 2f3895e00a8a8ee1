//! Memory between the forward and the backward pass of loops and branches.
//!
//! A generated loop writes what its reverse needs of each round into a [`Frame`] of its [`Tape`]; the reverse loop reads
//! the frames from the last to the first. Frames keep their memory, so a tape that has been used at the same sizes
//! allocates nothing.

use ndarray::{ArrayView, ArrayViewMut, Dimension, IntoDimension};

use super::Slot;

/// The frames of one loop, or the one of a branch.
#[derive(Clone, Debug)]
pub struct Tape<T> {
    frames: Vec<Frame<T>>,
    used: usize,
    held: Option<super::Held>,
}

impl<T> Default for Tape<T> {
    fn default() -> Self {
        Tape { frames: Vec::new(), used: 0, held: None }
    }
}

impl<T> Tape<T> {
    /// Holds what the backward pass of a called function needs.
    pub fn hold<S: std::any::Any + Send + Sync>(&mut self, saved: S) {
        self.held = Some(super::Held::new(saved));
    }

    /// What was held.
    ///
    /// # Panics
    /// If nothing was, which generated code rules out.
    pub fn take_held<S: std::any::Any + Send + Sync + Clone>(&mut self) -> S {
        self.held.take().expect("the forward pass held it").take()
    }
}

/// What one round saves.
#[derive(Clone, Debug)]
pub struct Frame<T> {
    arrays: Vec<Slot<T>>,
    indices: Vec<Slot<usize>>,
    masks: Vec<Slot<bool>>,
    tapes: Vec<Tape<T>>,
    record: Record<T>,
}

/// The scalars of a frame.
#[derive(Clone, Debug)]
pub struct Record<T> {
    arm: usize,
    scalars: Vec<T>,
    numbers: Vec<isize>,
}

impl<T: Copy + Default> Tape<T> {
    /// Forgets the frames of the last run and keeps their memory.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// Number of frames in use.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether no frame is in use.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// A new frame.
    pub fn push(&mut self) -> &mut Frame<T> {
        if self.used == self.frames.len() {
            self.frames.push(Frame::default());
        }
        self.used += 1;
        &mut self.frames[self.used - 1]
    }

    /// The frames in use, the last first.
    pub fn reversed(&mut self) -> impl Iterator<Item = &mut Frame<T>> {
        self.frames[..self.used].iter_mut().rev()
    }

    /// Frame `n` of those in use.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn frame(&mut self, n: usize) -> &mut Frame<T> {
        &mut self.frames[..self.used][n]
    }

    /// Bytes of array memory held.
    pub fn bytes(&self) -> usize {
        self.frames.iter().map(Frame::bytes).sum()
    }
}

impl<T> Default for Frame<T> {
    fn default() -> Self {
        Frame {
            arrays: Vec::new(),
            indices: Vec::new(),
            masks: Vec::new(),
            tapes: Vec::new(),
            record: Record { arm: 0, scalars: Vec::new(), numbers: Vec::new() },
        }
    }
}

/// A frame taken apart: places of float arrays, index arrays and masks, tapes of inner loops, and the scalars.
pub type Parts<'a, T, const A: usize, const I: usize, const M: usize, const N: usize> =
    ([&'a mut Slot<T>; A], [&'a mut Slot<usize>; I], [&'a mut Slot<bool>; M], [&'a mut Tape<T>; N], &'a mut Record<T>);

impl<T: Copy + Default> Frame<T> {
    /// The parts of the frame, made on first use.
    pub fn open<const A: usize, const I: usize, const M: usize, const N: usize>(&mut self) -> Parts<'_, T, A, I, M, N> {
        let Frame { arrays, indices, masks, tapes, record } = self;
        (several(arrays), several(indices), several(masks), several(tapes), record)
    }

    /// The arm that was taken.
    pub fn arm(&self) -> usize {
        self.record.arm
    }

    fn bytes(&self) -> usize {
        self.arrays.iter().map(Slot::bytes).sum::<usize>()
            + self.indices.iter().map(Slot::bytes).sum::<usize>()
            + self.masks.iter().map(Slot::bytes).sum::<usize>()
            + self.tapes.iter().map(Tape::bytes).sum::<usize>()
    }
}

fn several<P: Default, const N: usize>(places: &mut Vec<P>) -> [&mut P; N] {
    if places.len() < N {
        places.resize_with(N, P::default);
    }
    let mut places = places.iter_mut();
    std::array::from_fn(|_| places.next().expect("made above"))
}

impl<T: Copy + Default> Record<T> {
    /// Notes which arm was taken, its scalars and its integers.
    pub fn set(&mut self, arm: usize, scalars: &[T], numbers: &[isize]) {
        self.arm = arm;
        self.scalars.clear();
        self.scalars.extend_from_slice(scalars);
        self.numbers.clear();
        self.numbers.extend_from_slice(numbers);
    }

    /// The scalars.
    pub fn scalars<const N: usize>(&self) -> [T; N] {
        std::array::from_fn(|i| self.scalars[i])
    }

    /// The sizes.
    pub fn sizes<const N: usize>(&self) -> [usize; N] {
        std::array::from_fn(|i| self.numbers[i] as usize)
    }

    /// The signed integers, which come after the sizes.
    pub fn bounds<const N: usize>(&self, sizes: usize) -> [isize; N] {
        std::array::from_fn(|i| self.numbers[sizes + i])
    }
}

/// What a loop with checkpoints goes through: as it has to go through parts of it again, it is cloned.
pub fn rounds<I: IntoIterator<IntoIter: Clone>>(rounds: I) -> I::IntoIter {
    rounds.into_iter()
}

/// The rounds from one checkpoint to the next if none are given: the square root of their number, so that about as many
/// checkpoints are kept as rounds between two of them. Of a number not known before it is the square root of a bound.
pub fn segment(rounds: &impl Iterator) -> usize {
    let (least, most) = rounds.size_hint();
    let root = most.unwrap_or(least).isqrt();
    root.max(1)
}

/// Copies an array into a slot.
pub fn save<T: Copy + Default, D: Dimension>(slot: &mut Slot<T>, x: ArrayView<'_, T, D>) {
    slot.array(x.raw_dim()).assign(&x);
}

/// The array a slot holds.
pub fn held<T: Copy + Default, S: IntoDimension>(slot: &mut Slot<T>, shape: S) -> ArrayViewMut<'_, T, S::Dim> {
    slot.array(shape)
}

/// Lets two slots change places, and notes whether they stand as they did at first.
pub fn swap<T>(a: &mut Slot<T>, b: &mut Slot<T>, swapped: &mut bool) {
    std::mem::swap(a, b);
    *swapped = !*swapped;
}

/// The array of the first of two slots that changed places; it is copied if they do not stand as they did at first, so
/// that each has the memory that it needs the next time.
pub fn settled<'a, T: Copy + Default, S: IntoDimension>(
    a: &'a mut Slot<T>,
    b: &mut Slot<T>,
    swapped: bool,
    shape: S,
) -> ArrayViewMut<'a, T, S::Dim> {
    let shape = shape.into_dimension();
    if swapped {
        std::mem::swap(a, b);
        a.array(shape.clone()).assign(&b.array(shape.clone()));
    }
    a.array(shape)
}

/// Adds to an array of the same shape.
pub fn add_assign<T: crate::Element, D: Dimension>(mut to: ArrayViewMut<'_, T, D>, from: ArrayView<'_, T, D>) {
    to += &from;
}

/// Fills an array.
pub fn fill<T: Copy, D: Dimension>(mut to: ArrayViewMut<'_, T, D>, x: T) {
    to.fill(x);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn frames_come_back_in_reverse_and_keep_their_memory() {
        let mut tape = Tape::<f64>::default();
        let mut bytes = 0;
        for round in 0..2 {
            tape.clear();
            for i in 0..3 {
                let (arrays, [], [], [inner], record) = tape.push().open();
                let [a, b] = arrays;
                save(a, array![i as f64, round as f64].view());
                save(b, array![[i as f64]].view());
                inner.clear();
                inner.push();
                record.set(i, &[0.5 * i as f64], &[7, -1]);
            }
            let mut seen = Vec::new();
            for frame in tape.reversed() {
                let arm = frame.arm();
                let ([a, _], [], [], [inner], record) = frame.open();
                assert_eq!(inner.len(), 1);
                assert_eq!(record.sizes(), [7]);
                assert_eq!(record.bounds(1), [-1]);
                seen.push((arm, held(a, [2]).to_vec(), record.scalars::<1>()[0]));
            }
            let r = round as f64;
            assert_eq!(seen, [(2, vec![2.0, r], 1.0), (1, vec![1.0, r], 0.5), (0, vec![0.0, r], 0.0)]);
            assert!(round == 0 || bytes == tape.bytes());
            bytes = tape.bytes();
        }
    }
}
