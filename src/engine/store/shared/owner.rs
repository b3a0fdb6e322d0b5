//! Content of a lease: who holds it.

use super::SharedSettings;
use crate::base::hash;
use crate::engine::record::host;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Length of a token, hexadecimal digits.
const TOKEN: usize = 16;

/// Holder of a lease.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    /// Differs for every lease that was ever acquired; empty if the content cannot be read.
    pub(super) token: String,
    host: String,
    /// Boot of the machine and namespace of its process numbers, if known.
    boot: String,
    pid: u32,
    /// Number of the Slurm job and how often it was restarted, if it is one.
    job: Option<String>,
    restarts: Option<u32>,
    /// Seconds without a renewal after which the lease is stale.
    stale_seconds: Option<f64>,
}

impl Owner {
    /// Describes this process as the holder of a new lease.
    pub(super) fn new(settings: &SharedSettings) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            token: unique_token(),
            host: host(),
            boot: boot(),
            pid: std::process::id(),
            job: variable("SLURM_JOB_ID"),
            restarts: variable("SLURM_RESTART_COUNT").and_then(|count| count.parse().ok()),
            stale_seconds: Some(settings.stale_seconds),
        }
    }

    /// Reads the content of a lease; one that is not readable has no token.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    pub(super) fn stale_after(&self, settings: &SharedSettings) -> Duration {
        let seconds = self.stale_seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        Duration::try_from_secs_f64(seconds.unwrap_or(settings.stale_seconds)).unwrap_or(Duration::MAX)
    }

    /// Whether the holder is known to be dead: a process of this machine since it was booted that no longer exists.
    pub(super) fn is_dead(&self) -> bool {
        !self.boot.is_empty() && (&self.host, &self.boot) == (&host(), &boot()) && !exists(self.pid)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)?;
        match &self.job {
            Some(job) => write!(f, ", Slurm job {job}"),
            None => Ok(()),
        }
    }
}

/// Returns a token that no other process or lease has.
pub(in crate::engine::store) fn unique_token() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut token = hash::digest_bytes(format!("{}\0{}\0{}\0{time}\0{number}", host(), boot(), process()).as_bytes());
    token.truncate(TOKEN);
    token
}

/// Whether a text is a token.
pub(in crate::engine::store) fn is_token(text: &str) -> bool {
    text.len() == TOKEN && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn process() -> u32 {
    std::process::id()
}

/// Returns the boot of the machine and the namespace of its process numbers, which containers of one machine may not
/// share; empty if unknown.
fn boot() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match (boot.trim(), fs::read_link("/proc/self/ns/pid")) {
        ("", _) | (_, Err(_)) => String::new(),
        (boot, Ok(namespace)) => format!("{boot} {}", namespace.display()),
    }
}

/// Whether a process exists; also `true` if that is unknown.
#[cfg(unix)]
fn exists(pid: u32) -> bool {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_none_or(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

#[cfg(not(unix))]
fn exists(_: u32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_different() {
        let tokens: std::collections::HashSet<String> = (0..1000).map(|_| unique_token()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| is_token(token)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_a_missing_process_of_this_machine_is_dead() {
        let own = Owner::new(&SharedSettings::default());
        assert!(!own.is_dead());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = Owner { pid: child.id(), ..own.clone() };
        child.wait().unwrap();
        assert!(dead.is_dead());
        assert!(!Owner { host: "another".into(), ..dead.clone() }.is_dead());
        assert!(!Owner { boot: "earlier".into(), ..dead.clone() }.is_dead());
        assert!(!Owner { boot: String::new(), ..dead }.is_dead());
        assert!(!Owner::parse(b"{").is_dead());
    }

    #[test]
    fn a_lease_that_is_not_readable_gets_stale_by_the_settings() {
        let settings = SharedSettings { stale_seconds: 7.0, ..SharedSettings::default() };
        assert_eq!(Owner::parse(b"half").stale_after(&settings), Duration::from_secs(7));
        assert_eq!(Owner::parse(b"{\"stale_seconds\": 3}").stale_after(&settings), Duration::from_secs(3));
        assert_eq!(Owner::parse(b"{\"stale_seconds\": -3}").stale_after(&settings), Duration::from_secs(7));
    }
}
