//! The lane's promises, with the log in memory: order, equal bytes whatever happens, labels, bad records.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use streamfold_engine::lane::{Event, LaneError};
use streamfold_engine::plan::Delivery;
use streamfold_engine::plan::{DEAD_LETTERS, LearnAt, METRICS, OnTimeout, WhenFull};
use streamfold_flow::Partition;
use streamfold_learn::model::Task;
use support::{Driver, EVENTS, Fate, LABELS, Log, Setup};

fn numbers(log: &mut Log, count: i64) {
    for i in 0..count {
        let x = (i * 37 % 101) as f64 / 50.0;
        log.event(EVENTS, &format!("{},k{i},{x},{}", 1000 + i, 3.0 * x + 1.0));
    }
}

/// A whole, undisturbed run.
fn undisturbed(setup: &Setup, log: &Log, count: usize) -> (Log, u64) {
    let mut log = log.clone();
    let until = log.until_end(setup);
    let mut driver = Driver::new(setup, &log, 1, Some(until));
    driver.run(&mut log, count).unwrap();
    (log, driver.lane.state_hash())
}

#[test]
fn every_event_is_predicted_once_before_it_is_learnt() {
    let mut log = Log::default();
    numbers(&mut log, 40);
    let (log, _) = undisturbed(&Setup::default(), &log, 3);
    let predictions = log.predictions();
    assert_eq!(predictions.len(), 40);
    assert_eq!(predictions[0].0, "events/0/0");
    assert_eq!(
        predictions[0].1, "key=Text(\"k0\");prediction=0000000000000000;",
        "nothing was learnt before"
    );
    assert_ne!(predictions[1].1.split(';').nth(1), Some("prediction=0000000000000000"));
    assert_eq!(log.written.iter().filter(|w| w.topic == METRICS).count(), 40 / 7);
}

fn anomalies() -> Setup {
    let model = Some(("half_space_trees", Task::AnomalyDetection));
    let mut setup = Setup { model, classes: true, ..Setup::default() };
    setup.label.positive = Some("1".to_owned());
    setup
}

fn bandit() -> Setup {
    let mut setup = Setup { model: Some(("lin_ucb", Task::Bandit)), ..Setup::joined() };
    setup.label.on_timeout = OnTimeout::Number(0.0);
    setup
}

#[test]
fn a_bandit_says_what_it_took_and_how_likely_it_was() {
    let mut log = Log::default();
    for i in 0..300 {
        log.event(EVENTS, &format!("{},k{i},{},", 1000 + 10 * i, i % 2));
    }
    for i in 0..300 {
        log.event(LABELS, &format!("{},k{i},,{}", 1005 + 10 * i, if i % 3 == 0 { 1.0 } else { 0.0 }));
    }
    let (log, _) = undisturbed(&bandit(), &log, 7);
    let predictions = log.predictions();
    assert_eq!(predictions.len(), 300);
    let actions = ["red", "blue", "none"].map(|action| {
        let field = format!("action=Text(\"{action}\")");
        predictions.iter().filter(|(_, fields)| fields.contains(&field)).count()
    });
    assert_eq!(actions.iter().sum::<usize>(), 300, "{:?}", predictions[0]);
    assert!(predictions.iter().all(|(_, fields)| fields.contains("propensity=")));
}

#[test]
fn a_detector_learns_without_labels_and_is_scored_by_them() {
    let mut log = Log::default();
    for i in 0..600 {
        let strange = i % 50 == 49;
        let x = if strange { 40.0 } else { (i % 7) as f64 };
        log.event(EVENTS, &format!("{},k{i},{x},{}", 1000 + i, i64::from(strange)));
    }
    let (log, _) = undisturbed(&anomalies(), &log, 7);
    let predictions = log.predictions();
    assert_eq!(predictions[0].1, "key=Text(\"k0\");score=0000000000000000;");
    assert_ne!(predictions[599].1, predictions[598].1);
    assert_eq!(log.written.iter().filter(|w| w.topic == METRICS).count(), 600 / 7);
}

#[test]
fn the_cut_of_batches_changes_no_byte() {
    let mut log = Log::default();
    numbers(&mut log, 200);
    let (expected, hash) = undisturbed(&Setup::default(), &log, 200);
    for count in [1, 2, 7, 50] {
        let (found, found_hash) = undisturbed(&Setup::default(), &log, count);
        assert_eq!(found.written, expected.written);
        assert_eq!(found_hash, hash);
    }
    let mut tight = Setup::default();
    tight.limits.pending_bytes_max = 300;
    tight.limits.queue_bytes_max = 500;
    let (found, found_hash) = undisturbed(&tight, &log, 9);
    assert_eq!((found.written, found_hash), (expected.written, hash));
}

/// Runs to the end of the log, with commits of all fates, through three crashes after so many rounds each.
fn crashed(
    setup: &Setup,
    log: &mut Log,
    crash_after: usize,
    mut round: impl FnMut(&mut Driver, &mut Log, usize),
) -> Driver {
    let until = log.until_end(setup);
    let mut run_id = 1;
    loop {
        let mut driver = Driver::new(setup, log, run_id, Some(until.clone()));
        let fates = [Fate::Committed, Fate::Aborted, Fate::LostCommitted, Fate::LostAborted];
        driver.fates = (0..9).map(|i| fates[(i * 7 + run_id as usize) % 4]).collect();
        run_id += 1;
        let rounds = if run_id < 5 { crash_after } else { 10_000 };
        for number in 0..rounds {
            if driver.over.is_none() {
                round(&mut driver, log, number);
            }
        }
        if driver.over.is_some() {
            return driver;
        }
    }
}

#[test]
fn crashes_anywhere_change_no_byte() {
    for setup in [Setup::default(), Setup::joined(), anomalies(), bandit()] {
        let mut log = Log::default();
        numbers(&mut log, 60);
        for i in (0..60).step_by(2) {
            log.event(LABELS, &format!("{},k{i},,{i}", 1040 + i));
        }
        let (expected, hash) = undisturbed(&setup, &log, 5);
        for crash_after in 1..40 {
            let mut log = log.clone();
            let driver = crashed(&setup, &mut log, crash_after, |driver, log, _| driver.round(log, 2));
            assert_eq!(driver.over, Some(Ok(())));
            assert_eq!(log.written, expected.written, "crash after {crash_after}");
            assert_eq!(driver.lane.state_hash(), hash);
        }
    }
}

/// The predictions without those that are there again.
fn first_of_each(log: &Log) -> Vec<(String, String)> {
    let mut found = std::collections::BTreeSet::new();
    let mut predictions = log.predictions();
    predictions.retain(|prediction| found.insert(prediction.0.clone()));
    predictions
}

#[test]
fn answers_at_once_are_written_before_the_commit_that_says_so_and_none_is_lost() {
    let mut log = Log::default();
    numbers(&mut log, 60);
    let (expected, hash) = undisturbed(&Setup::default(), &log, 5);
    let setup = Setup { delivery: Delivery::AtLeastOnce, ..Setup::default() };
    for crash_after in 1..30 {
        let mut log = log.clone();
        let driver = crashed(&setup, &mut log, crash_after, |driver, log, round| {
            // The send thread is slow: what it was given last is not written when the process dies.
            driver.fetch(log, EVENTS, 2);
            driver.tick(log, 7);
            if round % 3 == 2 || round > 100 {
                while !driver.sends.is_empty() {
                    driver.send(log);
                }
            }
            driver.settle(log);
            let committed = log.offsets.get(&EVENTS).copied().unwrap_or(0);
            let folded = log.inputs[&EVENTS].iter().filter(|record| record.offset < committed).count();
            assert!(folded <= first_of_each(log).len(), "a commit went before its answers");
        });
        assert_eq!(driver.over, Some(Ok(())));
        assert_eq!(first_of_each(&log), expected.predictions(), "crash after {crash_after}");
        assert_eq!(driver.lane.state_hash(), hash);
    }
}

#[test]
fn answers_at_once_are_bounded_while_they_cannot_be_written() {
    let mut setup = Setup { delivery: Delivery::AtLeastOnce, ..Setup::default() };
    setup.limits.pending_bytes_max = 1_000;
    let mut log = Log::default();
    numbers(&mut log, 200);
    let mut driver = Driver::new(&setup, &log, 1, Some(log.until_end(&setup)));
    for _ in 0..100 {
        driver.fetch(&mut log, EVENTS, 5);
        driver.tick(&mut log, 7);
        driver.settle(&mut log);
    }
    let waiting = driver.lane.gauges().pending_bytes;
    assert!((1_000..2_000).contains(&waiting), "{waiting} bytes wait to be written");
    driver.run(&mut log, 5).unwrap();
    assert_eq!(first_of_each(&log).len(), 200);
}

#[test]
fn a_drained_lane_goes_on_where_it_was() {
    let setup = Setup::default();
    let mut log = Log::default();
    numbers(&mut log, 90);
    let (expected, hash) = undisturbed(&setup, &log, 5);
    for run_id in 1..6 {
        let mut driver = Driver::new(&setup, &log, run_id, None);
        for _ in 0..run_id {
            driver.round(&mut log, 4);
        }
        driver.drain(&mut log).unwrap();
    }
    let until = log.until_end(&setup);
    let mut driver = Driver::new(&setup, &log, 9, Some(until));
    assert_eq!(driver.lane.gauges().restore_total, 0, "a drained lane leaves a checkpoint of everything");
    driver.run(&mut log, 8).unwrap();
    assert_eq!((log.written, driver.lane.state_hash()), (expected.written, hash));
}

#[test]
fn partitions_are_folded_in_the_order_of_event_time() {
    let setup = Setup { partitions: 3, ..Setup::default() };
    let mut log = Log::default();
    for i in 0..60i64 {
        let partition = Partition { input: 0, partition: (i * 7 % 3) as i32 };
        log.event(partition, &format!("{},k{i},1,2", 1000 + i / 2));
    }
    let (found, hash) = undisturbed(&setup, &log, 2);
    let keys: Vec<String> =
        found.predictions().iter().map(|(_, value)| value.split('"').nth(1).unwrap().to_owned()).collect();
    let mut sorted: Vec<(i64, i64, i64)> = (0..60i64).map(|i| (1000 + i / 2, i * 7 % 3, i)).collect();
    sorted.sort();
    assert_eq!(keys, sorted.iter().map(|(_, _, i)| format!("k{i}")).collect::<Vec<_>>());
    let (other, other_hash) = undisturbed(&setup, &log, 40);
    assert_eq!((other.predictions(), other_hash), (found.predictions(), hash));
}

#[test]
fn a_partition_at_its_end_is_not_waited_for_and_the_journal_keeps_the_order() {
    let setup = Setup { partitions: 2, ..Setup::default() };
    let (zero, one) = (EVENTS, Partition { input: 0, partition: 1 });
    let mut log = Log::default();
    let mut driver = Driver::new(&setup, &log, 1, None);
    log.event(one, "2000,late,1,2");
    driver.fetch(&mut log, one, 10);
    assert_eq!(driver.lane.counters().predictions, 0, "partition 0 may still have something");
    driver.fetch(&mut log, zero, 10);
    assert_eq!(driver.lane.counters().predictions, 1, "it has not");
    log.event(zero, "1000,early,3,4");
    for _ in 0..5 {
        driver.round(&mut log, 10);
    }
    assert_eq!(driver.lane.counters().late, 1);
    let hash = driver.lane.state_hash();
    // By event time "early" would come first; the journal says otherwise, and it is the truth.
    let mut again = Driver::new(&setup, &log, 2, None);
    for _ in 0..5 {
        again.round(&mut log, 10);
    }
    assert!(!again.lane.is_restoring());
    assert_eq!(again.lane.state_hash(), hash);
}

#[test]
fn a_label_that_comes_later_meets_the_features_and_the_prediction_of_then() {
    let setup = Setup::joined();
    let mut log = Log::default();
    log.event(EVENTS, "1000,a,2,");
    log.event(LABELS, "1010,a,,5");
    log.event(EVENTS, "1020,b,2,");
    let (log, _) = undisturbed(&setup, &log, 1);
    let values: Vec<_> = log.predictions().into_iter().map(|(_, value)| value).collect();
    assert!(values[0].contains("prediction=0000000000000000"));
    // One step of the slope: weight 0.01*5*2, bias 0.01*5.
    let expected = (0.01f64 * 5.0 * 2.0) * 2.0 + 0.01 * 5.0;
    assert!(values[1].contains(&format!("{:016x}", expected.to_bits())), "{}", values[1]);
}

#[test]
fn texts_are_seen_and_wait_for_their_labels_like_other_features() {
    let setup =
        Setup { model: Some(("linear_regression", Task::Regression)), texts: true, ..Setup::joined() };
    let mut log = Log::default();
    for number in 0..200 {
        let (word, label) = [("win", 10), ("meet", -10), ("", 0)][number % 3];
        let time = 1000 + 10 * number;
        log.event(EVENTS, &format!("{time},{word}-{number},1,"));
        log.event(LABELS, &format!("{},{word}-{number},,{label}", time + 35));
    }
    let (alone, hash) = undisturbed(&setup, &log, 1);
    let last = |word: &str| {
        let predictions = alone.predictions();
        let value = &predictions.iter().rfind(|(_, value)| value.contains(word)).unwrap().1;
        let bits = value.split("prediction=").nth(1).unwrap().get(..16).unwrap();
        f64::from_bits(u64::from_str_radix(bits, 16).unwrap())
    };
    assert!(last("win-") > 5.0 && last("meet-") < -5.0, "{} {}", last("win-"), last("meet-"));
    let (together, other) = undisturbed(&setup, &log, 7);
    assert_eq!((alone.predictions(), hash), (together.predictions(), other));
    for crash_after in [3, 20] {
        let mut log = log.clone();
        let driver = crashed(&setup, &mut log, crash_after, |driver, log, _| driver.round(log, 2));
        assert_eq!((log.predictions(), driver.lane.state_hash()), (alone.predictions(), hash));
    }
}

fn joined_counts(setup: &Setup, build: impl Fn(&mut Log)) -> streamfold_engine::lane::Counters {
    let mut log = Log::default();
    build(&mut log);
    let until = log.until_end(setup);
    let mut driver = Driver::new(setup, &log, 1, Some(until));
    driver.run(&mut log, 1).unwrap();
    driver.lane.counters().clone()
}

#[test]
fn labels_early_twice_changed_taken_back_and_never() {
    let setup = Setup::joined();
    let early = joined_counts(&setup, |log| {
        log.event(LABELS, "1000,a,,5");
        log.event(EVENTS, "1001,a,2,");
    });
    assert_eq!((early.labels.early, early.labels.matched, early.learnt), (1, 1, 1));
    let twice = joined_counts(&setup, |log| {
        log.event(EVENTS, "1000,a,2,");
        log.event(LABELS, "1001,a,,5");
        log.event(LABELS, "1002,a,,5");
        log.event(LABELS, "1003,a,,6");
    });
    assert_eq!((twice.labels.duplicate, twice.labels.changed, twice.learnt), (1, 1, 1));
    let taken_back = joined_counts(&setup, |log| {
        log.event(LABELS, "1000,a,,5");
        log.record(LABELS, Some(b"a"), None);
        log.event(EVENTS, "1001,a,2,");
    });
    assert_eq!((taken_back.labels.taken_back, taken_back.null, taken_back.learnt), (1, 1, 0));
    let never = joined_counts(&setup, |log| {
        log.event(EVENTS, "1000,a,2,");
        log.event(EVENTS, "1100,b,2,");
        log.event(EVENTS, "1101,c,2,");
        log.event(LABELS, "1102,a,,5");
    });
    assert_eq!((never.labels.timed_out, never.labels.matched, never.learnt), (1, 0, 0));
    let mut on_timeout = setup.clone();
    on_timeout.label.on_timeout = OnTimeout::Number(7.0);
    let never = joined_counts(&on_timeout, |log| {
        log.event(EVENTS, "1000,a,2,");
        log.event(EVENTS, "1101,b,2,");
    });
    assert_eq!((never.labels.timed_out, never.learnt), (1, 1));
}

#[test]
fn with_wait_over_the_last_word_is_learnt_once() {
    let mut setup = Setup::joined();
    setup.label.learn_at = LearnAt::WaitOver;
    let counts = joined_counts(&setup, |log| {
        log.event(EVENTS, "1000,a,2,");
        log.event(EVENTS, "1000,b,2,");
        log.event(LABELS, "1001,a,,5");
        log.event(LABELS, "1002,a,,6");
        log.event(LABELS, "1003,b,,5");
        log.record(LABELS, Some(b"b"), None);
        log.event(EVENTS, "1101,c,2,");
    });
    assert_eq!((counts.labels.changed, counts.labels.taken_back), (1, 1));
    assert_eq!((counts.learnt, counts.labels.timed_out), (1, 1));
}

#[test]
fn a_full_table_does_as_it_is_told() {
    let events = |log: &mut Log| (0..10).for_each(|i| log.event(EVENTS, &format!("{},k{i},1,", 1000 + i)));
    let mut setup = Setup::joined();
    setup.label.waiting_rows_max = 4;
    assert_eq!(joined_counts(&setup, events).labels.overflowed, 6);
    setup.label.when_full = WhenFull::DropNewest;
    assert_eq!(joined_counts(&setup, events).labels.overflowed, 6);
    setup.label.when_full = WhenFull::Stop;
    let mut log = Log::default();
    events(&mut log);
    let mut driver = Driver::new(&setup, &log, 1, None);
    let error = driver.run(&mut log, 3).unwrap_err();
    assert!(matches!(error, LaneError::WaitingFull { rows: 4, .. }), "{error}");
    assert_eq!(log.predictions().len(), 5, "what was folded before is committed");
}

#[test]
fn giving_up_the_oldest_event_leaves_the_prediction_of_the_newest_alone() {
    let mut setup = Setup { classes: true, ..Setup::joined() };
    setup.label.on_timeout = OnTimeout::Class("n".into());
    setup.label.waiting_rows_max = 1;
    let mut log = Log::default();
    for (i, key) in ["a", "b", "c", "d"].iter().enumerate() {
        log.event(EVENTS, &format!("{},{key},1,", 1000 + i));
    }
    log.event(LABELS, "1010,d,,y");
    let until = log.until_end(&setup);
    let mut driver = Driver::new(&setup, &log, 1, Some(until));
    driver.run(&mut log, 1).unwrap();
    // Three are given up and learnt; the label of the last finds it. The first was predicted when no class was known.
    assert_eq!((driver.lane.counters().labels.overflowed, driver.lane.counters().learnt), (3, 4));
    assert_eq!((driver.lane.report().scored, driver.lane.report().skipped), (2, 2));
}

#[test]
fn while_inputs_are_idle_stream_time_follows_the_clock_and_the_journal_keeps_it() {
    let mut setup = Setup::joined();
    setup.label.on_timeout = OnTimeout::Number(3.0);
    let mut log = Log::default();
    log.event(EVENTS, "1000,a,2,");
    let mut driver = Driver::new(&setup, &log, 1, None);
    for _ in 0..60 {
        driver.round(&mut log, 10);
    }
    assert_eq!((driver.lane.counters().ticks, driver.lane.counters().learnt), (1, 1));
    let hash = driver.lane.state_hash();
    let mut again = Driver::new(&setup, &log, 2, None);
    again.round(&mut log, 10);
    assert_eq!(again.lane.state_hash(), hash);
}

#[test]
fn bad_records_go_to_the_dead_letters_and_too_many_stop_the_pipeline() {
    let mut setup = Setup::default();
    let mut log = Log::default();
    log.event(EVENTS, "1000,a,1,2");
    log.event(EVENTS, "not a record");
    log.event(EVENTS, "99999999999,from the future,1,2");
    log.event(EVENTS, ",no time,1,2");
    log.record(EVENTS, None, None);
    log.event(EVENTS, &"x".repeat(2000));
    log.event(EVENTS, "1001,b,1,2");
    let (found, _) = undisturbed(&setup, &log, 2);
    let dead: Vec<_> = found.written.iter().filter(|w| w.topic == DEAD_LETTERS).collect();
    assert_eq!(dead.len(), 4);
    assert_eq!(dead[0].value.as_deref(), Some("not a record"));
    assert!(dead[3].value.as_deref().unwrap().contains("bytes=Integer(2000)"), "a pointer: {:?}", dead[3]);
    assert_eq!(found.predictions().len(), 2);

    setup.dead_letters.window_records = 4;
    setup.dead_letters.fraction_max = 0.5;
    let until = log.until_end(&setup);
    let mut driver = Driver::new(&setup, &log, 1, Some(until.clone()));
    let error = driver.run(&mut log, 2).unwrap_err();
    assert!(matches!(error, LaneError::TooManyBadRecords { bad: 3, of: 4, .. }), "{error}");
    // Started again it goes on behind what it stopped at.
    let mut driver = Driver::new(&setup, &log, 2, Some(until));
    driver.run(&mut log, 2).unwrap();
    assert_eq!(log.predictions().len(), 2);
}

#[test]
fn classes_are_numbered_as_they_come_and_one_too_many_is_a_bad_record() {
    let setup = Setup { classes: true, ..Setup::default() };
    let mut log = Log::default();
    for (i, class) in ["b", "a", "b", "c", "d", "b"].iter().enumerate() {
        log.event(EVENTS, &format!("{},k,1,{class}", 1000 + i));
    }
    let (log, _) = undisturbed(&setup, &log, 2);
    let predictions = log.predictions();
    assert_eq!(predictions.len(), 5);
    assert!(predictions[0].1.contains("prediction=Null"));
    assert!(
        predictions[4].1.contains("scores=[(\"b\", 0.5), (\"a\", 0.25), (\"c\", 0.25)]"),
        "{predictions:?}"
    );
    assert_eq!(log.written.iter().filter(|w| w.topic == DEAD_LETTERS).count(), 1);
}

#[test]
fn an_input_that_changed_behind_the_journal_is_named() {
    let setup = Setup::default();
    let mut log = Log::default();
    numbers(&mut log, 20);
    let mut driver = Driver::new(&setup, &log, 1, None);
    for _ in 0..4 {
        driver.round(&mut log, 3);
    }
    let check = |log: &mut Log| {
        let mut again = Driver::new(&setup, log, 2, None);
        for _ in 0..20 {
            if again.over.is_none() {
                again.round(log, 4);
            }
        }
        again.over
    };
    // The checkpoints away: everything has to be folded again.
    log.state.clear();
    assert_eq!(check(&mut log.clone()), None);
    let mut changed = log.clone();
    changed.inputs.get_mut(&EVENTS).unwrap()[2].value = Some(b"1002,k,1,9".to_vec());
    assert!(matches!(check(&mut changed), Some(Err(LaneError::InputChanged { .. }))));
    log.inputs.get_mut(&EVENTS).unwrap().remove(1);
    assert!(matches!(check(&mut log), Some(Err(LaneError::InputChanged { .. }))));
}

#[test]
fn a_journal_of_another_pipeline_is_refused() {
    let setup = Setup::default();
    let mut log = Log::default();
    numbers(&mut log, 5);
    let (log, _) = undisturbed(&setup, &log, 5);
    let other = Setup { partitions: 2, ..Setup::default() };
    let error = Driver::try_restore(&other, &log).unwrap_err();
    assert!(error.to_string().contains("the number of partitions of topic events was 1 and is 2"), "{error}");
}

#[test]
fn a_foreign_commit_at_the_journals_end_makes_the_lane_start_anew() {
    let setup = Setup::default();
    let mut log = Log::default();
    numbers(&mut log, 9);
    let mut driver = Driver::new(&setup, &log, 1, None);
    driver.round(&mut log, 2);
    driver.round(&mut log, 2);
    driver.fates.push_back(Fate::LostAborted);
    while driver.under_way.is_none() {
        driver.tick(&mut log, 20);
        driver.fetch(&mut log, EVENTS, 2);
    }
    driver.settle(&mut log);
    log.journal.push(b"somebody else's".to_vec());
    driver.settle(&mut log);
    assert!(driver.restart);
    driver.handle(&mut log, Event::Drain);
    assert_eq!(driver.under_way.as_ref().map(|t| t.sequence), None, "it commits nothing any more");
}
