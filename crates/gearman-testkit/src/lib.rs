//! A real gearmand for tests: each on its own free port, ended by PID.
