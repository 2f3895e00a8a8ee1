//! Text as numbers: what to learn, split into training and validation, cut into batches.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use rand::rngs::StdRng;

/// The characters of a text, numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    characters: Vec<char>,
}

impl Vocabulary {
    /// The characters that occur in a text, in order.
    pub fn of(text: &str) -> Self {
        Vocabulary { characters: text.chars().collect::<BTreeSet<_>>().into_iter().collect() }
    }

    /// The vocabulary with these characters, as [`Vocabulary::to_text`] gave them.
    pub fn from_text(text: &str) -> Self {
        Vocabulary { characters: text.chars().collect() }
    }

    /// Its characters in order.
    pub fn to_text(&self) -> String {
        self.characters.iter().collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.characters.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.characters.is_empty()
    }

    /// The numbers of a text's characters; those unknown are left out.
    pub fn encode(&self, text: &str) -> Vec<usize> {
        text.chars().filter_map(|c| self.characters.binary_search(&c).ok()).collect()
    }

    /// The text of numbers.
    pub fn decode(&self, tokens: &[usize]) -> String {
        tokens.iter().filter_map(|t| self.characters.get(*t)).collect()
    }
}

/// The text of a file.
///
/// # Errors
/// If it cannot be read, is not UTF-8, or is empty.
pub fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read the text {}", path.display()))?;
    let text = String::from_utf8(bytes).map_err(|e| {
        anyhow::anyhow!(
            "{} is not UTF-8 text (byte {} is not part of a character): convert it first",
            path.display(),
            e.utf8_error().valid_up_to()
        )
    })?;
    ensure!(!text.trim().is_empty(), "{} is empty: give a text of some thousand characters", path.display());
    Ok(text)
}

/// The documentation of this repository: its Markdown files and the doc comments of its sources.
///
/// # Errors
/// If there is none, as in a copy of the program without its repository.
pub fn documentation() -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for part in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "autodiff-macro", "autodiff-runtime", "examples"] {
        collect(&root.join(part), &mut files);
    }
    files.sort();
    let mut text = String::new();
    for file in files {
        let Ok(source) = fs::read_to_string(&file) else { continue };
        if file.extension().is_some_and(|e| e == "md") {
            text.push_str(&source);
            continue;
        }
        let comments = source.lines().map(str::trim_start).filter_map(|l| l.strip_prefix("///").or_else(|| l.strip_prefix("//!")));
        for line in comments {
            text.push_str(line.strip_prefix(' ').unwrap_or(line));
            text.push('\n');
        }
    }
    if text.len() < 1000 {
        bail!("the documentation of the repository is not at {}: give a text by --text", root.display());
    }
    Ok(text)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        if path.file_name().is_some_and(|n| n == "target") {
            return;
        }
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            collect(&entry.path(), files);
        }
    } else if path.extension().is_some_and(|e| e == "rs" || e == "md") {
        files.push(path.to_path_buf());
    }
}

/// A text as numbers, in a part to train on and a part to validate on.
#[derive(Clone, Debug)]
pub struct Split {
    /// To train on: the first nine tenths.
    pub training: Vec<usize>,
    /// To validate on: the rest.
    pub validation: Vec<usize>,
}

impl Split {
    /// Splits a text.
    ///
    /// # Errors
    /// If a part is shorter than a sequence of `context` characters and its successor.
    pub fn new(tokens: Vec<usize>, context: usize) -> Result<Self> {
        let mut training = tokens;
        let total = training.len();
        let validation = training.split_off(total * 9 / 10);
        let least = 10 * (context + 1) + 1;
        ensure!(
            validation.len() > context && training.len() > context,
            "the text has {total} characters, too few for sequences of {context}: give at least {least}, or a shorter --context"
        );
        Ok(Split { training, validation })
    }

    /// `batch` random sequences and their successors.
    pub fn batch(text: &[usize], batch: usize, context: usize, rng: &mut StdRng) -> (Vec<usize>, Vec<usize>) {
        let (mut tokens, mut targets) = (Vec::with_capacity(batch * context), Vec::with_capacity(batch * context));
        for _ in 0..batch {
            let start = rng.random_range(0..text.len() - context);
            tokens.extend_from_slice(&text[start..start + context]);
            targets.extend_from_slice(&text[start + 1..=start + context]);
        }
        (tokens, targets)
    }
}

/// The cross-entropy in nats of predicting `text` by the character frequencies of `training`, with one count added to
/// each character.
pub fn unigram_loss(training: &[usize], text: &[usize], vocabulary: usize) -> f64 {
    let mut counts = vec![1.0_f64; vocabulary];
    training.iter().for_each(|t| counts[*t] += 1.0);
    let total: f64 = counts.iter().sum();
    text.iter().map(|t| -(counts[*t] / total).ln()).sum::<f64>() / text.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn round_trip() {
        let v = Vocabulary::of("straße");
        assert_eq!(v.len(), 6);
        assert_eq!(v.decode(&v.encode("ßtar")), "ßtar");
        assert_eq!(Vocabulary::from_text(&v.to_text()), v);
        assert!(v.encode("xyz").is_empty());
    }

    #[test]
    fn refuses_what_it_cannot_learn() {
        let file = std::env::temp_dir().join(format!("autodiff-text-{}", std::process::id()));
        fs::write(&file, [0x66, 0xff]).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("not UTF-8"));
        fs::write(&file, " \n").unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("empty"));
        fs::remove_file(&file).unwrap();
        assert!(format!("{:#}", read(&file).unwrap_err()).contains("cannot read"));
        assert!(Split::new(vec![0; 30], 16).unwrap_err().to_string().contains("too few"));
    }

    #[test]
    fn batches_are_followed_by_their_successors() {
        let text: Vec<usize> = (0..100).collect();
        let (x, y) = Split::batch(&text, 3, 8, &mut StdRng::seed_from_u64(1));
        assert_eq!(x.len(), 24);
        assert!(x.iter().zip(&y).all(|(x, y)| x + 1 == *y));
    }

    #[test]
    fn documentation_is_found() {
        assert!(documentation().unwrap().contains("cross-entropy"));
    }

    #[test]
    fn unigram_of_a_fair_coin() {
        let coin: Vec<usize> = (0..1000).map(|i| i % 2).collect();
        assert!((unigram_loss(&coin, &coin, 2) - 2.0_f64.ln()).abs() < 1e-12);
    }
}
