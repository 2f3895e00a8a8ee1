//! The intermediate representation: graph, types with symbolic sizes, expression handles, verifier and dump.

mod attr;
mod control;
mod dims;
mod dump;
mod effect;
mod expr;
mod external;
mod graph;
mod late;
mod outside;
mod rebuild;
mod region;
mod rules;
mod tensor;
mod types;
mod verify;

pub use attr::{Attr, Slice};
pub use control::{Arm, Condition, Control, ControlRef, Header, Reverse};
pub use dims::{Bound, Dim, Dims, Size};
pub use dump::dot;
pub use effect::{Effect, EffectRead, EffectRef};
pub use expr::{Builder, Check, Context, Expr, Requirement, Snapshot};
pub use external::{Argument, External, ExternalRef, Form};
pub use graph::{Graph, Node, NodeId};
pub use late::{is_late, late_check, late_leaves};
pub use outside::outside;
pub use rebuild::rebuild;
pub use region::{IN_MEMORY, Joint, Leaf, LeafSource, PathStep, Region};
pub use rules::Rules;
pub use tensor::Tensor;
pub use types::{Elem, Shape, Type};
pub use verify::verify;
