//! Simulated meters and buses.
