//! The log: consumer, transactions, state topics and administration on Apache Kafka.
