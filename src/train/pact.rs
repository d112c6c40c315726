//! TODO pact
