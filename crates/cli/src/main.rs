//! The binary `streamfold`: one file for each verb.

mod arguments;
mod backtest;
mod catalog;
mod chart;
mod check;
mod demo;
mod embedded;
mod evaluate;
mod exit;
mod generation;
mod init;
mod kafka_log;
mod layout;
mod memory;
mod metrics;
mod models;
mod pipeline;
mod run;
mod screen;
mod serve;
mod site;
mod state;
mod stop;
mod top;
mod topics;

use arguments::{Arguments, Verb};
use clap::Parser;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.start_logging();
    let result = match arguments.verb {
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Check(arguments) => check::check(&arguments),
        Verb::State(arguments) => state::state(arguments),
        Verb::Models(arguments) => models::models(&arguments),
        Verb::Backtest(arguments) => backtest::backtest(&arguments),
        Verb::Evaluate(arguments) => evaluate::evaluate(&arguments),
        Verb::Broker(arguments) => embedded::broker(&arguments),
        Verb::Demo(arguments) => demo::demo(&arguments),
        Verb::Top(arguments) => top::top(&arguments),
        Verb::Init(arguments) => init::init(&arguments),
    };
    exit::report(result)
}
