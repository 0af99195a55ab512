//! What the tests share: real servers started and stopped, and conditions awaited with a deadline.

pub mod redis;
pub mod samples;
pub mod wait;
