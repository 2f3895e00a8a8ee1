//! The order of the loops: which axis runs innermost, and which axes can be walked as one.

use super::MAX_RANK;
use super::operand::{Input, Layout, Output};

/// The loops, outermost first; every operand's strides are in the same order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) rank: usize,
    pub(super) dims: [usize; MAX_RANK],
}

/// All operands of a loop, without their element pointers.
struct Layouts<'o, 'a, T> {
    inputs: &'o mut [Input<'a, T>],
    outputs: &'o mut [Output<'a, T>],
}

impl<T> Layouts<'_, '_, T> {
    /// Outputs first: where operands disagree, theirs is the order that counts.
    fn iter(&self) -> impl Iterator<Item = &Layout> {
        self.outputs.iter().map(|o| &o.layout).chain(self.inputs.iter().map(|i| &i.layout))
    }

    fn each(&mut self, mut change: impl FnMut(&mut Layout)) {
        self.outputs.iter_mut().for_each(|o| change(&mut o.layout));
        self.inputs.iter_mut().for_each(|i| change(&mut i.layout));
    }

    /// Whether axis `a` should run inside axis `b`: the vote of the operands that move along both, by smaller stride.
    fn belongs_inside(&self, a: usize, b: usize) -> bool {
        let mut vote = 0;
        for layout in self.iter() {
            let (sa, sb) = (layout.strides[a].unsigned_abs(), layout.strides[b].unsigned_abs());
            if sa != 0 && sb != 0 {
                vote += i32::from(sa < sb) - i32::from(sa > sb);
            }
        }
        vote > 0
    }
}

/// Aligned operands in, loops out. Axes of length 1 go, the rest is sorted so that memory is walked in order, and
/// neighbouring axes that every operand walks evenly become one. No axis may have length 0.
pub(super) fn plan<'a, T>(shape: &[usize], inputs: &mut [Input<'a, T>], outputs: &mut [Output<'a, T>]) -> Plan {
    let mut operands = Layouts { inputs, outputs };
    let mut axes = [0; MAX_RANK];
    let mut rank = 0;
    for (axis, &len) in shape.iter().enumerate() {
        if len == 1 {
            continue;
        }
        // Insertion sort by a vote is stable: without a preference the order stays as written.
        let mut at = rank;
        while at > 0 && operands.belongs_inside(axes[at - 1], axis) {
            axes[at] = axes[at - 1];
            at -= 1;
        }
        axes[at] = axis;
        rank += 1;
    }
    if rank == 0 {
        operands.each(|layout| layout.strides = [0; MAX_RANK]);
        return Plan { rank: 1, dims: [1; MAX_RANK] };
    }
    let mut plan = Plan { rank, dims: [1; MAX_RANK] };
    for (to, &from) in axes[..rank].iter().enumerate() {
        plan.dims[to] = shape[from];
    }
    operands.each(|layout| {
        let old = layout.strides;
        layout.strides = [0; MAX_RANK];
        for (to, &from) in axes[..rank].iter().enumerate() {
            layout.strides[to] = old[from];
        }
    });
    let mut outer = rank - 1;
    while outer > 0 {
        outer -= 1;
        let inner = outer + 1;
        let inner_len = plan.dims[inner] as isize;
        if !operands.iter().all(|l| l.strides[outer] == l.strides[inner] * inner_len) {
            continue;
        }
        plan.dims[outer] *= plan.dims[inner];
        plan.dims.copy_within(inner + 1..plan.rank, inner);
        operands.each(|layout| {
            layout.strides[outer] = layout.strides[inner];
            layout.strides.copy_within(inner + 1..plan.rank, inner);
        });
        plan.rank -= 1;
    }
    plan
}
