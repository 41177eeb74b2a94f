//! Merging naive Bayes models: sums of counts and moments.
//!
//! A change is the model that has learnt only the events since the base, with the names of its features in front. To
//! merge is to add counts and to join moments; beyond rounding not even the order of the changes matters. A table of
//! categories that is full counts the new categories of a change among the others.

use super::posterior::{Names, Posterior};
use crate::snapshot::{Reader, Snapshot, SnapshotError, Writer};

pub(super) fn change(
    model: &Posterior,
    base: &mut Reader<'_>,
    out: &mut Writer,
) -> Result<(), SnapshotError> {
    let mut old = model.empty(model.names.clone());
    old.load(base)?;
    if old.classes.len() > model.classes.len() {
        return Err(base.invalid("the base has more classes than the model that came from it"));
    }
    let mut new = model.clone();
    new.classes.iter_mut().zip(&old.classes).for_each(|(weight, old)| *weight = (*weight - old).max(0.0));
    new.gaussian.subtract(&old.gaussian);
    new.categories.subtract(&old.categories);
    new.terms.subtract(&old.terms);
    new.binary.subtract(&old.binary);
    out.version(1);
    for names in [&new.names.numeric, &new.names.categories] {
        out.unsigned(names.len() as u64);
        names.iter().for_each(|&name| out.word(name));
    }
    out.unsigned(new.names.sparse as u64);
    new.save(out);
    Ok(())
}

pub(super) fn merge(model: &mut Posterior, change: &mut Reader<'_>) -> Result<(), SnapshotError> {
    change.part("a change of naive Bayes");
    change.version(1)?;
    let mut names =
        || -> Result<Vec<u64>, SnapshotError> { (0..change.length(8)?).map(|_| change.word()).collect() };
    let (numeric, categories) = (names()?, names()?);
    change.expect_length(model.names.sparse, "sparse features")?;
    let mut other = model.empty(Names { numeric, categories, sparse: model.names.sparse });
    other.load(change)?;

    let places = |mine: &[u64], theirs: &[u64]| -> Vec<Option<usize>> {
        mine.iter().map(|name| theirs.iter().position(|their| their == name)).collect()
    };
    let numeric = places(&model.names.numeric, &other.names.numeric);
    let categories = places(&model.names.categories, &other.names.categories);
    model.grow(other.classes.len());
    model.classes.iter_mut().zip(&other.classes).for_each(|(weight, more)| *weight += more);
    model.gaussian.add(&other.gaussian, &numeric);
    model.categories.add(&other.categories, &categories);
    model.terms.add(&other.terms, &numeric);
    model.binary.add(&other.binary, &numeric);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::features::{Row, Schema, category};
    use crate::model::{AnyModel, Classifier, Contributions};
    use crate::registry;
    use crate::snapshot::{Reader, Writer};
    use proptest::prelude::*;

    fn schema(turned: bool) -> Schema {
        let mut numeric = vec!["a".into(), "b".into(), "c".into(), "d".into(), "e".into()];
        let mut categories = vec!["colour".into(), "shape".into()];
        if turned {
            numeric.reverse();
            categories.reverse();
        }
        Schema { numeric, categories, sparse_size: 4 }
    }

    fn model(name: &str, turned: bool) -> Box<dyn Classifier> {
        let entry = registry::model(name).unwrap();
        match (entry.build)(&schema(turned), &entry.values(&[]).unwrap(), 0).unwrap() {
            AnyModel::Classifier(model) => model,
            _ => panic!("{name} is no classifier"),
        }
    }

    fn with_row<T>(seed: u64, turned: bool, then: impl FnOnce(Row<'_>) -> T) -> T {
        let mut random = crate::random::Random::new(seed);
        let mut numeric: Vec<f64> = (0..5).map(|at| random.normal() * f64::from(at + 1)).collect();
        numeric[random.below(5) as usize] = f64::NAN;
        let mut categories = [category(&[random.below(4) as u8]), category(&[random.below(3) as u8])];
        if turned {
            numeric.reverse();
            categories.reverse();
        }
        let sparse = [(random.below(2) as u32, 1.0), (2 + random.below(2) as u32, 2.0)];
        then(Row { numeric: &numeric, categories: &categories, sparse: &sparse })
    }

    fn learn(model: &mut dyn Classifier, seeds: &[u64], turned: bool) {
        for &seed in seeds {
            with_row(seed, turned, |row| model.learn(row, seed as usize % 3, 1.0 + (seed % 4) as f64));
        }
    }

    fn bytes(model: &dyn Classifier) -> Vec<u8> {
        let mut out = Writer::new();
        model.save(&mut out);
        out.into_bytes()
    }

    fn answer(model: &dyn Classifier, seed: u64, turned: bool) -> Vec<f64> {
        let mut scores = vec![0.0; 3];
        with_row(seed, turned, |row| model.predict(row, &mut scores));
        scores
    }

    const NAMES: [&str; 4] =
        ["gaussian_naive_bayes", "multinomial_naive_bayes", "bernoulli_naive_bayes", "naive_bayes"];

    proptest! {
            #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

            #[test]
            fn copies_that_merge_know_what_one_model_would(
                before in prop::collection::vec(any::<u64>(), 0..30),
                parts in prop::collection::vec(prop::collection::vec(any::<u64>(), 0..30), 1..4),
            ) {
                for name in NAMES {
                    let mut whole = model(name, false);
                    learn(whole.as_mut(), &before, false);
                    let base = bytes(whole.as_ref());
                    let change = |seeds: &Vec<u64>| {
                        let mut copy = model(name, false);
                        copy.load(&mut Reader::new("base", &base)).unwrap();
                        learn(copy.as_mut(), seeds, false);
                        let mut out = Writer::new();
                        copy.as_merge().unwrap().change(&mut Reader::new("base", &base), &mut out).unwrap();
                        out.into_bytes()
                    };
                    let mut merged = model(name, false);
                    // Another order of the features: a change goes by names.
                    let mut turned = model(name, true);
                    learn(turned.as_mut(), &before, true);
                    merged.load(&mut Reader::new("base", &base)).unwrap();
                    for part in &parts {
                        learn(whole.as_mut(), part, false);
                        let change = change(part);
                        for copy in [&mut merged, &mut turned] {
                            let mut from = Reader::new("change", &change);
                            copy.as_merge().unwrap().merge(&mut from).unwrap();
                            from.finish().unwrap();
                        }
                    }
                    // Nothing to add; but variances are derived anew, as they are after each merge.
                    let now = bytes(whole.as_ref());
                    let mut nothing = Writer::new();
                    whole.as_merge().unwrap().change(&mut Reader::new("base", &now), &mut nothing).unwrap();
                    whole.as_merge().unwrap().merge(&mut Reader::new("change", nothing.bytes())).unwrap();
                    for seed in 0..20 {
                        let expected = answer(whole.as_ref(), seed, false);
                        for got in [answer(merged.as_ref(), seed, false), answer(turned.as_ref(), seed, true)] {
                            for (one, other) in expected.iter().zip(&got) {
    prop_assert!((one - other).abs() < 1e-6, "{}: {:?} {:?}", name, expected, got);
                            }
                        }
                    }
                }
            }
        }

    #[test]
    fn a_damaged_change_changes_nothing() {
        for name in NAMES {
            let mut model = model(name, false);
            learn(model.as_mut(), &[1, 2, 3, 4, 5], false);
            let before = bytes(model.as_ref());
            let mut out = Writer::new();
            model.as_merge().unwrap().change(&mut Reader::new("base", &before), &mut out).unwrap();
            let change = out.into_bytes();
            for length in 0..change.len() {
                let mut from = Reader::new("change", &change[..length]);
                assert!(model.as_merge().unwrap().merge(&mut from).is_err());
                assert_eq!(bytes(model.as_ref()), before);
            }
        }
    }

    #[test]
    fn contributions_are_the_log_odds_between_classes() {
        for name in NAMES {
            let mut model = model(name, false);
            learn(model.as_mut(), &(0..40).collect::<Vec<_>>(), false);
            let explain = |class| {
                let mut out = Contributions::default();
                with_row(77, false, |row| model.as_explain().unwrap().explain(row, class, &mut out));
                out.sum()
            };
            let scores = answer(model.as_ref(), 77, false);
            let log_odds = (scores[0] / scores[2]).ln();
            assert!((explain(0) - explain(2) - log_odds).abs() < 1e-9, "{name}");
            assert!((explain(0) + explain(1) + explain(2)).abs() < 1e-9, "{name}");
        }
    }
}
