//! A few dozen worlds come to a good end, the same one each time, and every planted fault is found.

use streamfold_sim::{Fault, Options, run_seed};

#[test]
fn seeds_come_to_a_good_end() {
    for seed in 0..40 {
        if let Err(failure) = run_seed(seed, &Options::default()) {
            panic!("seed {seed}: {}\n{}", failure.what, failure.trace.join("\n"));
        }
    }
}

#[test]
fn a_seed_is_the_same_world_each_time() {
    for seed in 0..5 {
        let runs = [0, 1].map(|_| run_seed(seed, &Options::default()).unwrap());
        assert_eq!(runs[0], runs[1]);
    }
}

#[test]
fn every_planted_fault_is_found() {
    for (name, fault) in Fault::NAMES {
        let options = Options { fault: Some(*fault) };
        let found = (0..300).find_map(|seed| run_seed(seed, &options).err());
        let failure = found.unwrap_or_else(|| panic!("nobody noticed {name}"));
        assert!(
            !failure.trace.is_empty() && !failure.what.contains("not deterministic"),
            "{name}: {}",
            failure.what
        );
    }
}
