//! The mapping file: rules from our names to those of another program.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use ar_core::Weights;
use candle_core::Tensor;
use serde::Deserialize;

use super::Layout;
use crate::failure::usage;
use crate::words::meant;

/// Which tensor becomes which. Rules are tried in order; the first whose pattern fits a name of ours counts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// Names in the other file that nothing is made of, such as buffers with masks.
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    weights: Vec<Rule>,
}

/// A star in a pattern stands for any part of a name, the same part in both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    ours: String,
    theirs: String,
    #[serde(default)]
    layout: Layout,
    /// Lengths of the last axes of a convolution's kernel there, such as `[3, 3]`; `export` needs them.
    #[serde(default)]
    kernel: Vec<usize>,
}

impl Mapping {
    /// Reads a file; without one, names and layouts are ours.
    ///
    /// # Errors
    /// When it cannot be read or says something that is no rule.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self {
                weights: vec![Rule {
                    ours: "*".to_owned(),
                    theirs: "*".to_owned(),
                    layout: Layout::Same,
                    kernel: Vec::new(),
                }],
                ..Self::default()
            });
        };
        let at = |problem: String| usage(format!("--map {}: {problem}", path.display()));
        if !path.is_file() {
            return Err(at("there is no such file".to_owned()));
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read --map {}", path.display()))?;
        let mapping: Self =
            toml::from_str(&text).map_err(|error| at(error.to_string().trim_end().to_owned()))?;
        for pattern in mapping.patterns() {
            if pattern.matches('*').count() > 1 {
                return Err(at(format!("{pattern:?}: at most one star")));
            }
        }
        for Rule {
            ours,
            layout,
            kernel,
            ..
        } in &mapping.weights
        {
            if !kernel.is_empty() && *layout != Layout::Conv {
                let problem = "a kernel is of what has layout = \"conv\"";
                return Err(at(format!("{ours:?}: {problem}")));
            }
        }
        Ok(mapping)
    }

    fn patterns(&self) -> impl Iterator<Item = &String> {
        let of_rules = self
            .weights
            .iter()
            .flat_map(|rule| [&rule.ours, &rule.theirs]);
        self.ignore.iter().chain(of_rules)
    }

    /// The rule for a tensor of ours, and what it is called there.
    fn rule_for(&self, ours: &str) -> Result<(&Rule, String)> {
        let found = self
            .weights
            .iter()
            .find_map(|rule| Some((rule, part(&rule.ours, ours)?)));
        let (rule, part) =
            found.with_context(|| format!("{ours}: no rule of the mapping has it as `ours`"))?;
        Ok((rule, rule.theirs.replacen('*', part, 1)))
    }

    /// Weights of these `shapes` from another program's tensors, called `theirs`. Those that no rule takes are
    /// not loaded, as they may be of any type.
    ///
    /// # Errors
    /// When a tensor is missing, taken twice, left over, or of another shape.
    pub(crate) fn import(
        &self,
        theirs: &BTreeSet<String>,
        load: impl Fn(&str) -> candle_core::Result<Tensor>,
        shapes: &BTreeMap<String, Vec<usize>>,
    ) -> Result<Weights> {
        let mut used = BTreeSet::new();
        let mut ours = BTreeMap::new();
        for (name, shape) in shapes {
            let (rule, there) = self.rule_for(name)?;
            if !theirs.contains(&there) {
                let near = meant(&there, theirs.iter().map(String::as_str));
                bail!("{name}: the file has no {there}{near}");
            }
            let tensor = load(&there).with_context(|| format!("cannot read {there}"))?;
            let axes = &tensor.dims()[tensor.dims().len().min(2)..];
            if !rule.kernel.is_empty() && axes != rule.kernel {
                bail!(
                    "{name} from {there}: its kernel is {axes:?}, the mapping says {:?}",
                    rule.kernel
                );
            }
            let tensor = rule.layout.to_ours(&tensor, shape);
            let tensor = tensor.with_context(|| format!("{name} from {there}"))?;
            ours.insert(name.clone(), tensor);
            if !used.insert(there.clone()) {
                bail!("{name}: another tensor is made of {there} already");
            }
        }
        let ignored = |name: &String| self.ignore.iter().any(|own| part(own, name).is_some());
        let mut left: Vec<_> = theirs.iter().filter(|name| !used.contains(*name)).collect();
        left.retain(|name| !ignored(name));
        if let Some(name) = left.first() {
            bail!(
                "{} of the file's {} tensors would be left out, such as {name}; name them under `ignore` if \
                 that is right",
                left.len(),
                theirs.len()
            );
        }
        Ok(Weights::from(ours))
    }

    /// Our weights as another program keeps them.
    ///
    /// # Errors
    /// When no rule has a tensor, or two become one.
    pub(crate) fn export(&self, ours: &Weights) -> Result<HashMap<String, Tensor>> {
        let mut theirs = HashMap::new();
        for (name, tensor) in ours.iter() {
            let (rule, there) = self.rule_for(name)?;
            let tensor = rule.layout.to_theirs(tensor, &rule.kernel);
            let tensor = tensor.with_context(|| format!("{name} to {there}"))?;
            if theirs.insert(there.clone(), tensor).is_some() {
                bail!("{name}: another tensor is called {there} already");
            }
        }
        Ok(theirs)
    }
}

/// What the star of `pattern` stands for in `name`, if the pattern fits; nothing where it has none.
fn part<'a>(pattern: &str, name: &'a str) -> Option<&'a str> {
    match pattern.split_once('*') {
        None => (pattern == name).then_some(""),
        Some((before, after)) => name.strip_prefix(before)?.strip_suffix(after),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn mapping(text: &str) -> Mapping {
        toml::from_str(text).unwrap()
    }

    fn zeros(named: &[(&str, &[usize])]) -> HashMap<String, Tensor> {
        let tensor = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let named = named
            .iter()
            .map(|(name, shape)| ((*name).to_owned(), tensor(shape)));
        named.collect()
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let mapping = mapping(
            "[[weights]]\nours = 'first.weight'\ntheirs = 'conv_in.kernel'\n\
             [[weights]]\nours = '*.weight'\ntheirs = 'body.*.w'\n",
        );
        assert_eq!(
            mapping.rule_for("first.weight").unwrap().1,
            "conv_in.kernel"
        );
        assert_eq!(
            mapping.rule_for("blocks.3.weight").unwrap().1,
            "body.blocks.3.w"
        );
        assert!(mapping.rule_for("first.bias").is_err());
    }

    #[test]
    fn what_is_missing_or_left_over_is_named() {
        let mapping = mapping("ignore = ['*.mask']\n[[weights]]\nours = '*'\ntheirs = 'net.*'\n");
        let shapes = BTreeMap::from([("a".to_owned(), vec![2])]);
        let import = |theirs: &[(&str, &[usize])]| {
            let theirs = zeros(theirs);
            let names = theirs.keys().cloned().collect();
            mapping.import(&names, |name| Ok(theirs[name].clone()), &shapes)
        };
        assert_eq!(
            import(&[("net.a", &[2]), ("x.mask", &[9])]).unwrap().len(),
            1
        );
        let said = |theirs: &[(&str, &[usize])]| format!("{:#}", import(theirs).unwrap_err());
        assert!(said(&[("net.b", &[2])]).contains("the file has no net.a (did you mean net.b?)"));
        assert!(said(&[("net.a", &[2]), ("other", &[1])]).contains("such as other"));
        assert!(said(&[("net.a", &[3])]).contains("a from net.a: its shape [3]"));
    }

    #[test]
    fn one_tensor_does_not_become_two() {
        let shapes = BTreeMap::from([("a".to_owned(), vec![2]), ("b".to_owned(), vec![2])]);
        let mapping = mapping("[[weights]]\nours = '*'\ntheirs = 'same'\n");
        let theirs = zeros(&[("same", &[2])]);
        let names = BTreeSet::from(["same".to_owned()]);
        let error = mapping.import(&names, |name| Ok(theirs[name].clone()), &shapes);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("made of same already")
        );
    }

    #[test]
    fn two_tensors_do_not_become_one() {
        let mapping = mapping("[[weights]]\nours = '*'\ntheirs = 'same'\n");
        let ours: Weights = zeros(&[("a", &[1]), ("b", &[1])]).into_iter().collect();
        let error = mapping.export(&ours).unwrap_err().to_string();
        assert!(
            error.contains("another tensor is called same already"),
            "{error}"
        );
    }
}
