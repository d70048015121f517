//! Floor 1: what this machine is, and how its processes wait for and wake each other.
