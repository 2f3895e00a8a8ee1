//! The walk where nothing has to be gathered: every array runs along the innermost axis by ones.

use super::drive::{Walk, advance, update};
use super::operand::{Data, Mode, Output};
use super::{MAX_RANK, TILE, reduce};
use crate::Element;

/// Shorter rows are walked several at once.
const SHORTEST: usize = 64;

impl<T: Element> Walk<'_, '_, '_, T> {
    /// Whether the operands are numbers, or run by ones and are stored, added to or summed up as a whole.
    pub(super) fn is_lined(&self) -> bool {
        let rank = self.plan.rank;
        let inner = rank - 1;
        let input = |data: &Data<T>, step: isize| match data {
            Data::Float(_) => step == 1,
            Data::Scalar(_) => true,
            Data::Mask(_) => false,
        };
        let output = |o: &Output<'_, T>| {
            let (unit, strides) = (o.layout.strides[inner] == 1, &o.layout.strides[..rank]);
            match o.mode {
                Mode::Set => unit,
                Mode::Sum => (unit && !strides.contains(&0)) || strides.iter().all(|s| *s == 0),
                Mode::Norm => strides.iter().all(|s| *s == 0),
                Mode::Max | Mode::Min => false,
            }
        };
        (rank == 1 || self.plan.dims[inner] >= SHORTEST)
            && self.inputs.iter().all(|i| input(&i.data, i.layout.strides[inner]))
            && self.outputs.iter().all(output)
    }

    /// All of it, row by row.
    ///
    /// # Safety
    /// As [`walk`](super::drive::walk); the operands are lined.
    pub(super) unsafe fn lines(&mut self) {
        let inner = self.plan.rank - 1;
        let columns = self.plan.dims[inner];
        let direct = self.outputs.iter().all(|o| o.mode == Mode::Set);
        let numbers = self.inputs.iter().any(|i| matches!(i.data, Data::Scalar(_)));
        let step = if direct && !numbers { columns } else { columns.min(TILE) };
        for (k, input) in self.inputs.iter().enumerate() {
            if let Data::Scalar(x) = input.data {
                let buffer = self.scratch.inputs[k].as_mut_ptr().cast::<T>();
                // SAFETY: at most TILE elements.
                (0..step).for_each(|e| unsafe { buffer.add(e).write(x) });
                self.scratch.from[k] = buffer;
            }
        }
        self.scratch.sinks.iter_mut().for_each(|sink| sink.total = 0.0);
        let mut index = [0; MAX_RANK];
        loop {
            self.base(&index, inner);
            for j in (0..columns).step_by(step) {
                // SAFETY: the elements lie within the iteration space.
                unsafe { self.piece(j, step.min(columns - j)) };
            }
            if !advance(&mut index, &self.plan.dims, inner) {
                break;
            }
        }
        for (output, sink) in self.outputs.iter().zip(self.scratch.sinks.iter()) {
            if output.mode != Mode::Set && output.layout.strides[inner] == 0 {
                // SAFETY: the place of a sum is valid.
                unsafe { update(output.pointer, output.mode, sink.total) };
            }
        }
    }

    /// `n` elements of the row at the bases, from `j` on.
    #[inline]
    unsafe fn piece(&mut self, j: usize, n: usize) {
        let (inner, scratch) = (self.plan.rank - 1, &mut *self.scratch);
        // SAFETY: as promised by the caller.
        unsafe {
            for ((from, input), source) in scratch.from.iter_mut().zip(self.inputs).zip(scratch.sources.iter()) {
                if let Data::Float(p) = input.data {
                    *from = p.offset(source.base + j as isize);
                }
            }
            for ((to, output), sink) in scratch.to.iter_mut().zip(self.outputs).zip(scratch.sinks.iter()) {
                let set = output.mode == Mode::Set;
                *to = if set { output.pointer.offset(sink.base + j as isize) } else { std::ptr::null_mut() };
            }
            (self.row)(self.kernel, scratch.from.as_ptr(), scratch.to.as_ptr(), scratch.outputs.as_mut_ptr(), n);
            for ((output, sink), tile) in self.outputs.iter().zip(scratch.sinks.iter_mut()).zip(scratch.outputs.iter()) {
                if output.mode == Mode::Set {
                    continue;
                }
                let tile = std::slice::from_raw_parts(tile.as_ptr().cast::<T>(), n);
                if output.layout.strides[inner] == 0 {
                    sink.total = reduce::combine(output.mode, sink.total, reduce::total(output.mode, tile));
                } else {
                    reduce::add(std::slice::from_raw_parts_mut(output.pointer.offset(sink.base + j as isize), n), tile);
                }
            }
        }
    }
}
