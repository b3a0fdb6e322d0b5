//! What the operating system tells of the machine; nothing where it does not.

use std::fs;

/// Name of the processor.
pub fn processor() -> Option<String> {
    field("/proc/cpuinfo", "model name")
}

/// Main memory, bytes.
pub fn memory() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemTotal")
}

/// Main memory that a program can get without others being swapped out, bytes.
pub fn memory_available() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemAvailable")
}

/// The largest memory that this process has held so far, bytes.
pub fn memory_peak() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM")
}

fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let number: u64 = field(path, name)?.split(' ').next()?.parse().ok()?;
    Some(number * 1024)
}

/// The first value of a field in a file of `name : value` lines.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let values = text.lines().filter_map(|line| line.split_once(':'));
    values.into_iter().find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim().to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told() {
        let (all, available, peak) = (memory().unwrap(), memory_available().unwrap(), memory_peak().unwrap());
        assert!(available <= all && peak < all, "{available} of {all}, {peak} held");
        assert!(peak > 1 << 20);
    }
}
