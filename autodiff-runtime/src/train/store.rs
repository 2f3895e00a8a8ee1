//! Saving and loading models in the safetensors format: one tensor a leaf, under the leaf's name.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::parameters::Leaves;
use crate::{Element, Parameters};

/// Why a model could not be saved or loaded.
#[derive(Debug)]
pub enum StoreError {
    /// The file could not be read or written.
    Io(std::path::PathBuf, std::io::Error),
    /// The file is no safetensors file.
    Format(std::path::PathBuf, String),
    /// The file has no tensor of this name.
    Missing(String),
    /// A tensor has another shape than the model's leaf: name, found, wanted.
    Shape(String, Vec<usize>, Vec<usize>),
    /// A tensor has another element type than the model's leaf: name, found, wanted.
    Element(String, String, String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            StoreError::Format(path, error) => write!(f, "{} is not a safetensors file: {error}", path.display()),
            StoreError::Missing(name) => write!(f, "the file has no tensor `{name}`"),
            StoreError::Shape(name, found, wanted) => {
                write!(f, "`{name}` has shape {found:?} in the file, {wanted:?} in the model")
            }
            StoreError::Element(name, found, wanted) => {
                write!(f, "`{name}` has elements of type {found} in the file, {wanted} in the model")
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

fn dtype<T: Element>() -> Dtype {
    if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 }
}

/// Writes every leaf, and text beside them, to a file.
///
/// # Errors
/// If the file cannot be written.
pub fn save<P: Parameters>(model: &P, metadata: &HashMap<String, String>, path: &Path) -> Result<(), StoreError> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    Leaves::for_each(model, &mut |name, leaf| {
        let mut bytes = Vec::with_capacity(leaf.len() * size_of::<P::Elem>());
        for x in &leaf {
            match size_of::<P::Elem>() {
                4 => bytes.extend((Element::widen(*x) as f32).to_le_bytes()),
                _ => bytes.extend(Element::widen(*x).to_le_bytes()),
            }
        }
        tensors.push((name.to_string(), leaf.shape().to_vec(), bytes));
    });
    let format = |e: safetensors::SafeTensorError| StoreError::Format(path.to_path_buf(), e.to_string());
    let views: Result<Vec<(&str, TensorView<'_>)>, _> = tensors
        .iter()
        .map(|(name, shape, bytes)| TensorView::new(dtype::<P::Elem>(), shape.clone(), bytes).map(|view| (name.as_str(), view)))
        .collect();
    let bytes = safetensors::serialize(views.map_err(format)?, Some(metadata.clone())).map_err(format)?;
    // Written beside and renamed, so that an interrupted save leaves the old file.
    let beside = path.with_extension("partial");
    std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path)).map_err(|e| StoreError::Io(path.to_path_buf(), e))
}

/// Reads every leaf of `model` from a file, and returns the text that was saved beside them.
///
/// # Errors
/// If the file cannot be read, or does not hold a tensor of the right name, shape and type for every leaf; the model is
/// then as it was.
pub fn load<P: Parameters>(model: &mut P, path: &Path) -> Result<HashMap<String, String>, StoreError> {
    let bytes = std::fs::read(path).map_err(|e| StoreError::Io(path.to_path_buf(), e))?;
    let format = |e: safetensors::SafeTensorError| StoreError::Format(path.to_path_buf(), e.to_string());
    let file = SafeTensors::deserialize(&bytes).map_err(format)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
    let mut failed = None;
    Leaves::for_each(model, &mut |name, leaf| {
        if failed.is_some() {
            return;
        }
        let Ok(tensor) = file.tensor(name) else {
            failed = Some(StoreError::Missing(name.to_string()));
            return;
        };
        let wanted = dtype::<P::Elem>();
        if tensor.dtype() != wanted {
            failed = Some(StoreError::Element(name.to_string(), format!("{:?}", tensor.dtype()), format!("{wanted:?}")));
        } else if tensor.shape() != leaf.shape() {
            failed = Some(StoreError::Shape(name.to_string(), tensor.shape().to_vec(), leaf.shape().to_vec()));
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    // Only now, so that a file that does not fit leaves the model as it was.
    model.for_each_mut(&mut |name, mut leaf| {
        let data = file.tensor(name).map_or(&[][..], |tensor| tensor.data());
        for (to, from) in leaf.iter_mut().zip(data.chunks_exact(size_of::<P::Elem>())) {
            let value = match *from {
                [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
                [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
                _ => f64::NAN,
            };
            *to = <P::Elem as Element>::of(value);
        }
    });
    Ok(header.metadata().clone().unwrap_or_default())
}

/// The text saved beside a model, without the model.
///
/// # Errors
/// If the file cannot be read.
pub fn metadata(path: &Path) -> Result<HashMap<String, String>, StoreError> {
    let bytes = std::fs::read(path).map_err(|e| StoreError::Io(path.to_path_buf(), e))?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| StoreError::Format(path.to_path_buf(), e.to_string()))?;
    Ok(header.metadata().clone().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, array};

    #[test]
    fn saves_and_loads() {
        let path = std::env::temp_dir().join(format!("autodiff-store-{}.safetensors", std::process::id()));
        let model = (array![[1.0_f32, 2.0], [3.0, 4.5]], array![0.1_f32]);
        let text = HashMap::from([("vocabulary".to_string(), "abc".to_string())]);
        save(&model, &text, &path).unwrap();
        let mut copy = (Array2::<f32>::zeros((2, 2)), Array1::<f32>::zeros(1));
        assert_eq!(load(&mut copy, &path).unwrap(), text);
        assert_eq!(copy, model);
        let mut other = (Array2::<f32>::zeros((2, 3)), Array1::<f32>::zeros(1));
        let error = load(&mut other, &path).unwrap_err().to_string();
        assert_eq!(error, "`0` has shape [2, 2] in the file, [2, 3] in the model");
        // The first leaf fits and the second is missing: nothing is overwritten.
        let mut longer = (Array2::<f32>::zeros((2, 2)), Array1::<f32>::zeros(1), 7.0_f32);
        assert_eq!(load(&mut longer, &path).unwrap_err().to_string(), "the file has no tensor `2`");
        assert_eq!(longer.norm_l2(), 7.0);
        let mut double = (Array2::<f64>::zeros((2, 2)),);
        assert!(load(&mut double, &path).unwrap_err().to_string().contains("F32 in the file"));
        assert!(load(&mut copy, Path::new("/no/such/file")).is_err());
        std::fs::remove_file(path).unwrap();
    }
}
