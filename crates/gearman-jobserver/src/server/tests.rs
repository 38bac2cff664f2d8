//! See the conformance suite for what the server answers; here is what no answer shows.
