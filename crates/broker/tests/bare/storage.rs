//! What is stored outlives the process, and is what was written or an error.

use crate::client::{Client, PLAIN, batch, folder, start, start_with, topic_name};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, MetadataRequest};
use kafka_protocol::{ResponseError, messages::metadata_request::MetadataRequestTopic};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use streamfold_broker::{Broker, Config, Limits, StartError, Store};

fn values(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|i| format!("v{i}")).collect()
}

/// Ten batches of one record.
fn ten(client: &mut Client, topic: &str) {
    assert_eq!(client.create(topic, 1, &[]), 0);
    for i in 0..10 {
        assert_eq!(client.produce(topic, batch(&[&format!("v{i}")], PLAIN, 0)), (0, i));
    }
}

/// The file with all records of the only topic.
fn log_file(folder: &Path) -> PathBuf {
    let topic = fs::read_dir(folder.join("topics")).unwrap().next().unwrap().unwrap().path();
    topic.join("0/00000000000000000000.log")
}

/// Whether this process can be killed and started again: the example is built beside the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/broker")
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let folder = folder("kill");
    let run = |port: u16| {
        let mut child = Command::new(program())
            .arg(format!("127.0.0.1:{port}"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().parse().unwrap())
    };
    let (mut child, address) = run(0);
    ten(&mut Client::connect(address), "t");
    child.kill().unwrap();
    child.wait().unwrap();
    let (mut child, address) = run(0);
    let mut client = Client::connect(address);
    assert_eq!(client.values("t", 0).unwrap(), values(0, 10));
    assert_eq!(client.produce("t", batch(&["v10"], PLAIN, 0)), (0, 10));
    assert_eq!(client.values("t", 5).unwrap(), values(5, 11));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_torn_tail_is_cut() {
    let folder = folder("torn");
    let broker = start(Store::Directory(folder.clone()));
    ten(&mut Client::connect(broker.address()), "t");
    broker.stop();
    let file = File::options().write(true).open(log_file(&folder)).unwrap();
    file.set_len(file.metadata().unwrap().len() - 3).unwrap();
    let broker = start(Store::Directory(folder));
    let mut client = Client::connect(broker.address());
    assert_eq!(client.values("t", 0).unwrap(), values(0, 9));
    assert_eq!(client.produce("t", batch(&["v9"], PLAIN, 0)), (0, 9));
    assert_eq!(client.values("t", 0).unwrap(), values(0, 10));
}

#[test]
fn a_flipped_byte_is_an_error_and_the_rest_can_be_read() {
    let folder = folder("flipped");
    let broker = start(Store::Directory(folder.clone()));
    ten(&mut Client::connect(broker.address()), "t");
    broker.stop();
    let path = log_file(&folder);
    let whole = fs::read(&path).unwrap();
    let size = whole.len() / 10;
    // One byte of each field of the fifth batch.
    for at in [0, 7, 9, 13, 16, 18, 22, 25, 30, 38, 45, 52, 55, 59, 63, size - 1] {
        let mut bytes = whole.clone();
        bytes[4 * size + at] ^= 4;
        fs::write(&path, bytes).unwrap();
        let broker = start(Store::Directory(folder.clone()));
        let mut client = Client::connect(broker.address());
        let before = client.fetch("t", 0, false);
        assert_eq!((before.error_code, before.records.unwrap().len()), (0, 4 * size), "byte {at}");
        assert_eq!(client.values("t", 4), Err(ResponseError::CorruptMessage.code()), "byte {at}");
        assert_eq!(client.values("t", 5).unwrap(), values(5, 10), "byte {at}");
        broker.stop();
    }
    // It changes while the broker runs.
    fs::write(&path, &whole).unwrap();
    let broker = start(Store::Directory(folder));
    let mut bytes = whole.clone();
    bytes[4 * size + 70] ^= 4;
    fs::write(&path, bytes).unwrap();
    let mut client = Client::connect(broker.address());
    assert_eq!(client.values("t", 4), Err(ResponseError::CorruptMessage.code()));
    assert_eq!(client.values("t", 5).unwrap(), values(5, 10));
}

/// Fills it up, reads on, makes room, writes on.
fn full(config: Config) {
    let broker = start_with(config);
    let mut client = Client::connect(broker.address());
    assert_eq!(client.create("t", 1, &[("segment.bytes", "1048576"), ("max.message.bytes", "1048576")]), 0);
    let large = "x".repeat(500_000);
    let mut count = 0;
    let refused = loop {
        match client.produce("t", batch(&[&large], PLAIN, 0)) {
            (0, offset) => assert_eq!(offset, count),
            (error, _) => break error,
        }
        count += 1;
        assert!(count < 100, "never full");
    };
    assert_eq!(refused, ResponseError::KafkaStorageError.code());
    assert!(count > 2);
    assert_eq!(client.values("t", 0).unwrap().len() as i64, count);
    let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(count - 1);
    let topic = DeleteRecordsTopic::default().with_name(topic_name("t")).with_partitions(vec![partition]);
    let answer = client.call(1, &DeleteRecordsRequest::default().with_topics(vec![topic]));
    assert_eq!(answer.topics[0].partitions[0].error_code, 0);
    assert_eq!(client.produce("t", batch(&[&large], PLAIN, 0)), (0, count));
    assert_eq!(client.values("t", count - 1).unwrap().len(), 2);
}

#[test]
fn a_full_store_refuses_producers_until_there_is_room() {
    let limits = Limits { stored_bytes_max: 4 << 20, ..Limits::default() };
    full(Config { store: Store::Memory, limits: limits.clone(), ..Config::default() });
    full(Config { store: Store::Directory(folder("full")), limits, ..Config::default() });
}

/// The same on a disk that is full indeed; only where a small one can be mounted.
#[test]
fn a_full_disk_refuses_producers_until_there_is_room() {
    let disk = folder("disk");
    fs::create_dir_all(&disk).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=5m", "tmpfs"]).arg(&disk).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: mounting a small disk needs rights that this user does not have");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        full(Config { store: Store::Directory(disk.join("data")), ..Config::default() });
    });
    assert!(Command::new("umount").arg("-l").arg(&disk).status().unwrap().success());
    outcome.unwrap();
}

#[test]
fn two_brokers_do_not_share_a_folder() {
    let store = Store::Directory(folder("shared"));
    let first = start(store.clone());
    let listen = ([127, 0, 0, 1], 0).into();
    let second = Broker::start(Config { listen, store: store.clone(), ..Config::default() });
    assert!(matches!(second, Err(StartError::InUse(_))));
    first.stop();
    start(store).stop();
}

#[test]
fn topics_settings_and_first_offsets_outlive_a_restart() {
    let store = Store::Directory(folder("restart"));
    let broker = start(store.clone());
    let mut client = Client::connect(broker.address());
    ten(&mut client, "kept");
    assert_eq!(client.create("wide", 7, &[("retention.ms", "-1")]), 0);
    let partition = DeleteRecordsPartition::default().with_partition_index(0).with_offset(4);
    let topic = DeleteRecordsTopic::default().with_name(topic_name("kept")).with_partitions(vec![partition]);
    client.call(1, &DeleteRecordsRequest::default().with_topics(vec![topic]));
    broker.stop();
    let broker = start(store);
    let mut client = Client::connect(broker.address());
    assert_eq!(client.values("kept", 3), Err(ResponseError::OffsetOutOfRange.code()));
    assert_eq!(client.values("kept", 4).unwrap(), values(4, 10));
    let asked = MetadataRequestTopic::default().with_name(Some(topic_name("wide")));
    let answer = client.call(9, &MetadataRequest::default().with_topics(Some(vec![asked])));
    assert_eq!(answer.topics[0].partitions.len(), 7);
}
