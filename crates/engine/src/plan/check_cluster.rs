//! The plan against the topics that there are.

use super::{Plan, Role};

/// What is wrong with the inputs in the cluster: for each input of the plan its number of partitions, `None` where the
/// topic is not there.
pub fn check_cluster(plan: &Plan, partitions: &[Option<i32>]) -> Vec<String> {
    let mut faults = Vec::new();
    let inputs = plan.inputs.iter().zip(partitions);
    for (input, partitions) in inputs.clone() {
        match partitions {
            None => faults.push(format!(
                "topic {:?} of input {} is not there: create it, or correct the name",
                input.topic, input.name
            )),
            Some(partitions) if i64::from(*partitions) < i64::from(plan.lanes) => faults.push(format!(
                "topic {:?} of input {} has {partitions} partitions for {} lanes, so that lanes would have nothing to do: set lanes \
                 to at most {partitions}, or add partitions",
                input.topic, input.name, plan.lanes
            )),
            Some(_) => {}
        }
    }
    if plan.joins_labels() && plan.lanes > 1 {
        let labels = inputs.clone().find(|(input, _)| input.role == Role::Labels);
        let events = inputs.filter(|(input, _)| input.role == Role::Events);
        for (event, count) in events {
            if let (Some((label, Some(label_count))), Some(count)) = (labels, count)
                && label_count != count
            {
                faults.push(format!(
                    "topic {:?} has {count} partitions and {:?} has {label_count}: with several lanes an event and its label meet only \
                     where these are equal; set lanes = 1, or copy one to a topic with as many partitions as the other",
                    event.topic, label.topic
                ));
            }
        }
    }
    faults
}
