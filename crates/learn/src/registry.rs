//! Every model, transformer, detector and generator by name: the one list from which pipeline files, help, reference pages and the
//! conformance checks follow. To add one: its file, and its line here.

use crate::compose::part::Part;
use crate::drift::{DriftDetector, Input};
use crate::features::Schema;
use crate::model::{AnyModel, Task, Transformer};
use crate::params::{Param, ParamError, ParamKind, ParamValue, Values, nearest};
use crate::synthetic::Generator;
use crate::{
    anomaly, bandit, bayes, boost, cluster, compose, drift, forecast, forest, linear, neighbors, neural,
    prepare, recommend, synthetic, tree,
};

/// The models, in the order of their families.
pub const MODELS: &[ModelEntry] = &[
    linear::linear_regression::ENTRY,
    linear::recursive_least_squares::ENTRY,
    linear::bayesian_linear_regression::ENTRY,
    linear::logistic_regression::ENTRY,
    linear::softmax_regression::ENTRY,
    linear::sgd_regression::ENTRY,
    linear::sgd_classification::ENTRY,
    linear::ftrl_proximal_regression::ENTRY,
    linear::ftrl_proximal_classification::ENTRY,
    linear::passive_aggressive_regression::ENTRY,
    linear::passive_aggressive_classification::ENTRY,
    linear::alma::ENTRY,
    bayes::gaussian_naive_bayes::ENTRY,
    bayes::multinomial_naive_bayes::ENTRY,
    bayes::bernoulli_naive_bayes::ENTRY,
    bayes::naive_bayes::ENTRY,
    tree::hoeffding_tree::ENTRY,
    tree::hoeffding_adaptive_tree::ENTRY,
    tree::extremely_fast_decision_tree::ENTRY,
    tree::hoeffding_tree_regressor::ENTRY,
    tree::hoeffding_adaptive_tree_regressor::ENTRY,
    forest::leveraging_bagging::ENTRY,
    forest::adaptive_random_forest::ENTRY,
    forest::adaptive_random_forest_regressor::ENTRY,
    forest::streaming_random_patches::ENTRY,
    neural::multilayer_perceptron_regression::ENTRY,
    neural::multilayer_perceptron_classification::ENTRY,
    boost::gradient_boosting_regressor::ENTRY,
    boost::gradient_boosting_classifier::ENTRY,
    neighbors::k_nearest_neighbors_regressor::ENTRY,
    neighbors::k_nearest_neighbors_classifier::ENTRY,
    cluster::k_means::ENTRY,
    anomaly::half_space_trees::ENTRY,
    anomaly::robust_random_cut_forest::ENTRY,
    anomaly::seasonal_z_score::ENTRY,
    anomaly::quantile_threshold::ENTRY,
    recommend::popularity::ENTRY,
    recommend::item_to_item::ENTRY,
    recommend::bayesian_personalized_ranking::ENTRY,
    recommend::biased_matrix_factorization::ENTRY,
    recommend::factorization_machine_regression::ENTRY,
    recommend::factorization_machine_classification::ENTRY,
    recommend::field_aware_factorization_machine_regression::ENTRY,
    recommend::field_aware_factorization_machine_classification::ENTRY,
    bandit::epsilon_greedy::ENTRY,
    bandit::lin_ucb::ENTRY,
    bandit::linear_thompson_sampling::ENTRY,
    bandit::square_cb::ENTRY,
    forecast::seasonal_naive::ENTRY,
    forecast::holt_winters::ENTRY,
    forecast::snarimax::ENTRY,
    compose::per_key_regressor::ENTRY,
    compose::per_key_classifier::ENTRY,
    compose::per_key_anomaly_detector::ENTRY,
    compose::one_vs_rest::ENTRY,
    compose::stacking_regressor::ENTRY,
    compose::stacking_classifier::ENTRY,
    compose::conformal_regressor::ENTRY,
];

/// The transformers.
pub const TRANSFORMERS: &[TransformerEntry] = &[
    prepare::imputer::ENTRY,
    prepare::standard_scaler::ENTRY,
    prepare::min_max_scaler::ENTRY,
    prepare::robust_scaler::ENTRY,
    prepare::one_hot::ENTRY,
    prepare::ordinal_encoder::ENTRY,
    prepare::frequency_encoder::ENTRY,
    prepare::target_encoder::ENTRY,
    prepare::hashing::ENTRY,
    prepare::tf_idf::ENTRY,
    prepare::polynomial_features::ENTRY,
    prepare::category_interactions::ENTRY,
    prepare::variance_threshold::ENTRY,
    prepare::select_k_best::ENTRY,
    prepare::incremental_pca::ENTRY,
    prepare::random_projection::ENTRY,
];

/// The detectors of change.
pub const DETECTORS: &[DetectorEntry] = &[
    drift::adwin::ENTRY,
    drift::page_hinkley::ENTRY,
    drift::kswin::ENTRY,
    drift::ddm::ENTRY,
    drift::eddm::ENTRY,
    drift::hddm_a::ENTRY,
    drift::hddm_w::ENTRY,
    drift::psi::ENTRY,
    drift::kolmogorov_smirnov::ENTRY,
];

/// The generators of synthetic streams.
pub const GENERATORS: &[GeneratorEntry] = &[
    synthetic::sea::ENTRY,
    synthetic::stagger::ENTRY,
    synthetic::sine::ENTRY,
    synthetic::mixed::ENTRY,
    synthetic::agrawal::ENTRY,
    synthetic::led::ENTRY,
    synthetic::random_tree::ENTRY,
    synthetic::random_rbf::ENTRY,
    synthetic::hyperplane::ENTRY,
    synthetic::friedman::ENTRY,
];

/// How many classes a model can tell apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClassesMax {
    /// It is no classifier.
    None,
    /// Always this many.
    Fixed(usize),
    /// As many as this (whole-number) parameter says.
    Param(&'static Param),
    /// As many as every model in these parameters, and at most as many as the whole-number ones among them say.
    Models(&'static [&'static Param]),
}

/// A model as the registry knows it.
#[derive(Clone, Copy)]
pub struct ModelEntry {
    /// Its name in pipeline files.
    pub name: &'static str,
    /// What it predicts.
    pub task: Task,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// What it does, when to use it and when not, complexity and paper (Markdown).
    pub doc: &'static str,
    /// Version of its *meaning*: grows when the same events would leave another state or give other predictions.
    pub meaning_version: u32,
    /// Its parameters.
    pub params: &'static [Param],
    /// How many classes it can tell apart; it learns nothing from further ones.
    pub classes_max: ClassesMax,
    /// Whether it reads categorical features itself. Where not, it ignores them: put an encoder in front.
    pub reads_categories: bool,
    /// Builds it.
    pub build: Build<AnyModel>,
}

/// Builds a model or transformer for rows of this schema. The seed is for those that draw random numbers.
pub type Build<T> = fn(&Schema, &Values, u64) -> Result<T, ParamError>;

/// A transformer as the registry knows it.
#[derive(Clone, Copy)]
pub struct TransformerEntry {
    /// Its name in pipeline files.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// What it does, when to use it and when not (Markdown).
    pub doc: &'static str,
    /// See [`ModelEntry::meaning_version`].
    pub meaning_version: u32,
    /// Its parameters.
    pub params: &'static [Param],
    /// Builds it.
    pub build: Build<Box<dyn Transformer>>,
}

/// A detector of change as the registry knows it.
#[derive(Clone, Copy)]
pub struct DetectorEntry {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// What it does, when to use it and when not (Markdown).
    pub doc: &'static str,
    /// See [`ModelEntry::meaning_version`].
    pub meaning_version: u32,
    /// Its parameters.
    pub params: &'static [Param],
    /// What it is to be fed.
    pub input: Input,
    /// Builds it.
    pub build: fn(&Values) -> Box<dyn DriftDetector>,
}

/// A generator of a synthetic stream as the registry knows it.
#[derive(Clone, Copy)]
pub struct GeneratorEntry {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// What there is to predict.
    pub task: Task,
    /// Its parameters.
    pub params: &'static [Param],
    /// Builds it; the seed draws the events.
    pub build: fn(&Values, u64) -> Box<dyn Generator>,
}

impl ModelEntry {
    /// Checks parameters; what is not given is the default.
    pub fn values(&self, given: &[(String, ParamValue)]) -> Result<Values, ParamError> {
        Values::new(&format!("model `{}`", self.name), self.params, given)
    }

    /// How many classes the model with these parameters can tell apart; `None` where it is no classifier.
    pub fn classes_max(&self, values: &Values) -> Option<usize> {
        match self.classes_max {
            ClassesMax::None => None,
            ClassesMax::Fixed(number) => Some(number),
            ClassesMax::Param(param) => Some(values.integer(param) as usize),
            ClassesMax::Models(params) => {
                let of = |param: &&Param| match param.kind {
                    ParamKind::Integer { .. } => Some(values.integer(param) as usize),
                    _ => values.parts(param).iter().filter_map(Part::classes_max).min(),
                };
                params.iter().filter_map(of).min()
            }
        }
    }
}

impl TransformerEntry {
    /// Checks parameters; what is not given is the default.
    pub fn values(&self, given: &[(String, ParamValue)]) -> Result<Values, ParamError> {
        Values::new(&format!("transformer `{}`", self.name), self.params, given)
    }
}

impl DetectorEntry {
    /// Checks parameters; what is not given is the default.
    pub fn values(&self, given: &[(String, ParamValue)]) -> Result<Values, ParamError> {
        Values::new(&format!("detector `{}`", self.name), self.params, given)
    }
}

impl GeneratorEntry {
    /// Checks parameters; what is not given is the default.
    pub fn values(&self, given: &[(String, ParamValue)]) -> Result<Values, ParamError> {
        Values::new(&format!("generator `{}`", self.name), self.params, given)
    }
}

/// The model of this name.
pub fn model(name: &str) -> Option<&'static ModelEntry> {
    MODELS.iter().find(|entry| entry.name == name)
}

/// The transformer of this name.
pub fn transformer(name: &str) -> Option<&'static TransformerEntry> {
    TRANSFORMERS.iter().find(|entry| entry.name == name)
}

/// The detector of this name.
pub fn detector(name: &str) -> Option<&'static DetectorEntry> {
    DETECTORS.iter().find(|entry| entry.name == name)
}

/// The generator of this name.
pub fn generator(name: &str) -> Option<&'static GeneratorEntry> {
    GENERATORS.iter().find(|entry| entry.name == name)
}

/// The model that was probably meant by a misspelt name.
pub fn suggest(name: &str) -> Option<&'static str> {
    nearest(name, MODELS.iter().map(|entry| entry.name))
}

/// The transformer that was probably meant by a misspelt name.
pub fn suggest_transformer(name: &str) -> Option<&'static str> {
    nearest(name, TRANSFORMERS.iter().map(|entry| entry.name))
}
