//! The engine under a simulated log, clock, group and faults, from one seed.
