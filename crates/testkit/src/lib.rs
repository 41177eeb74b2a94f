//! For tests only: starts a real Apache Kafka on loopback.
