//! A real redis-server for one test.
