//! What the operating system tells of the machine; nothing where it does not.

use std::fs;
use std::path::{Path, PathBuf};

/// Where control groups are.
const GROUPS: &str = "/sys/fs/cgroup";

/// Name of the processor.
pub fn processor() -> Option<String> {
    field("/proc/cpuinfo", "model name")
}

/// Main memory, bytes: of the machine, or of the control group that this process may not grow out of.
pub fn memory() -> Option<u64> {
    let machine = kibibytes("/proc/meminfo", "MemTotal");
    groups().iter().filter_map(|group| group.most()).chain(machine).min()
}

/// Main memory that a program can get without others being swapped out, bytes; no more than its control groups and its
/// limit of addresses (`ulimit -v`) leave.
pub fn memory_available() -> Option<u64> {
    let machine = kibibytes("/proc/meminfo", "MemAvailable");
    let groups = groups();
    let left = groups.iter().filter_map(|group| Some(group.most()?.saturating_sub(group.used()?)));
    left.chain(machine).chain(addresses_left()).min()
}

/// The largest memory that this process has held so far, bytes.
pub fn memory_peak() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM")
}

#[cfg(unix)]
fn addresses_left() -> Option<u64> {
    let most = rustix::process::getrlimit(rustix::process::Resource::As).current?;
    Some(most.saturating_sub(kibibytes("/proc/self/status", "VmSize")?))
}

#[cfg(not(unix))]
fn addresses_left() -> Option<u64> {
    None
}

/// A control group with a limit of memory.
struct Group {
    directory: PathBuf,
    /// Names of its files, the limit and what is used, and of lines in `memory.stat`: content of files, which can be had
    /// back.
    names: [&'static str; 4],
}

impl Group {
    const VERSION_1: [&'static str; 4] =
        ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"];
    const VERSION_2: [&'static str; 4] = ["memory.max", "memory.current", "inactive_file", "active_file"];

    fn most(&self) -> Option<u64> {
        self.number(self.names[0])
    }

    fn used(&self) -> Option<u64> {
        let stat = fs::read_to_string(self.directory.join("memory.stat")).unwrap_or_default();
        let lines = stat.lines().filter_map(|line| line.split_once(' '));
        let cached = lines.filter(|(name, _)| self.names[2..].contains(name));
        let cached: u64 = cached.filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok()).sum();
        Some(self.number(self.names[1])?.saturating_sub(cached))
    }

    /// None also where it says `max`.
    fn number(&self, name: &str) -> Option<u64> {
        fs::read_to_string(self.directory.join(name)).ok()?.trim().parse().ok()
    }
}

/// The groups of this process and those above them. In a container the own group may be all that is there, at the root.
fn groups() -> Vec<Group> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut groups = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, names) = match controllers {
            "" => (Path::new(GROUPS).to_owned(), Group::VERSION_2),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (Path::new(GROUPS).join("memory"), Group::VERSION_1)
            }
            _ => continue,
        };
        let own = Path::new(path.trim_start_matches('/'));
        groups.extend(own.ancestors().map(|path| Group { directory: root.join(path), names }));
    }
    groups
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

    #[test]
    fn a_control_group_leaves_what_it_may_have_less_what_it_cannot_get_back() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let group = Group { directory: directory.path().to_owned(), names: Group::VERSION_2 };
        assert_eq!((group.most(), group.used()), (None, None));
        write("memory.max", "max\n");
        write("memory.current", "1000\n");
        assert_eq!((group.most(), group.used()), (None, Some(1000)));
        write("memory.max", "5000\n");
        write("memory.stat", "anon 300\nfile 700\ninactive_file 500\nactive_file 100\n");
        assert_eq!((group.most(), group.used()), (Some(5000), Some(400)));
    }
}
