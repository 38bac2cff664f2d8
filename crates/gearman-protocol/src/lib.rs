//! The Gearman protocol without I/O: packets, admin text, server lists, and a small blocking client.
