//! What the lanes of a scenario are built from: the JSON format, the registry's models, and an identity.

use crate::scenario::Scenario;
use streamfold_engine::journal::TopicIdentity;
use streamfold_engine::lane::Identity;
use streamfold_engine::plan::{Catalog, CatalogFormat, Parts, Plan};
use streamfold_formats::json;

/// Decoders, encoders and the model, fresh.
pub fn parts(plan: &Plan) -> Result<Parts, String> {
    let json = CatalogFormat::new(json::ENTRY.name, [], json::ENTRY.decoder, json::ENTRY.encoder);
    plan.parts(&Catalog { formats: vec![json] })
}

/// Who a lane is.
pub fn identity(scenario: &Scenario, lane: u32, run_id: u64) -> Identity {
    let topic = |(input, partitions): (&streamfold_engine::plan::InputPlan, &i32)| TopicIdentity {
        name: input.topic.clone(),
        topic_id: String::new(),
        partitions: *partitions,
    };
    Identity {
        cluster_id: "simulated".to_owned(),
        topics: scenario.plan.inputs.iter().zip(&scenario.partitions).map(topic).collect(),
        prediction_partitions: Some(scenario.output_partitions),
        lane,
        generation: 1,
        run_id,
    }
}
