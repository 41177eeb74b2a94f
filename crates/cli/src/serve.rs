//! `/metrics`, `/ready` and `/ping`, and the thread that asks for the ends of the inputs.

use crate::metrics;
use anyhow::{Result, anyhow};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use streamfold_engine::runtime::Context;
use streamfold_flow::Partition;
use tiny_http::{Header, Request, Response, Server};

const ENDS_EVERY: Duration = Duration::from_secs(5);

/// The server, until it is dropped.
pub struct Serving {
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            // It answers at most one more request.
            let _ = thread.join();
        }
    }
}

/// Starts to serve.
pub fn serve(address: SocketAddr, context: Arc<Context>) -> Result<Serving> {
    let server =
        Server::http(address).map_err(|error| anyhow!("cannot serve metrics on {address}: {error}"))?;
    let server = Arc::new(server);
    log::info!("serving http://{}/metrics", server.server_addr());
    let (accepting, weak) = (server.clone(), Arc::downgrade(&context));
    thread::Builder::new().name("ends".to_owned()).spawn(move || watch_ends(&weak))?;
    let thread = thread::Builder::new().name("metrics".to_owned()).spawn(move || {
        for request in accepting.incoming_requests() {
            if let Err(error) = answer(request, &context) {
                log::debug!("metrics: {error}");
            }
        }
    })?;
    Ok(Serving { server, thread: Some(thread) })
}

/// Asks now and then, as long as the run lasts. Its thread is never waited for: a question can take its time.
fn watch_ends(context: &Weak<Context>) {
    while let Some(context) = context.upgrade() {
        let partitions: Vec<Partition> = context
            .monitor
            .lanes()
            .values()
            .flat_map(|view| view.committed.iter().map(|(partition, _)| *partition))
            .collect();
        match context.log.ends(&partitions) {
            Ok(ends) => context.monitor.set_ends(partitions.into_iter().zip(ends)),
            Err(error) => log::debug!("lag is not known: {error}"),
        }
        drop(context);
        thread::sleep(ENDS_EVERY);
    }
}

fn answer(request: Request, context: &Context) -> std::io::Result<()> {
    let (status, content_type, body) = match request.url().split('?').next() {
        Some("/metrics") => (200, metrics::CONTENT_TYPE, metrics::render(context)),
        Some("/ping") => (200, "text/plain", "pong\n".to_owned()),
        Some("/ready") if context.monitor.is_ready() => (200, "text/plain", "ready\n".to_owned()),
        Some("/ready") => {
            (503, "text/plain", "not ready: no lane yet, or one is still restoring\n".to_owned())
        }
        _ => (404, "text/plain", "there are /metrics, /ready and /ping\n".to_owned()),
    };
    let mut response = Response::from_string(body).with_status_code(status);
    if let Ok(header) = Header::from_bytes("Content-Type", content_type) {
        response.add_header(header);
    }
    request.respond(response)
}
