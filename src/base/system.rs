//! Information about the machine from the operating system; `None` where it is not available.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Mount point of the control groups.
const CGROUP_ROOT: &str = "/sys/fs/cgroup";

/// Returns the name of the processor.
pub(crate) fn processor() -> Option<String> {
    // Asked for each stage of a plan.
    static MODEL: OnceLock<Option<String>> = OnceLock::new();
    MODEL.get_or_init(|| field("/proc/cpuinfo", "model name")).clone()
}

/// Returns the main memory in bytes: that of the machine, or the limit of this process's control groups if lower.
pub(crate) fn memory() -> Option<u64> {
    let machine = kibibytes("/proc/meminfo", "MemTotal");
    groups().iter().filter_map(|group| group.limit()).chain(machine).min()
}

/// Returns the main memory in bytes that can be allocated without swapping, within the limits of this process's control
/// groups and address space (`ulimit -v`).
pub(crate) fn memory_available() -> Option<u64> {
    let machine = kibibytes("/proc/meminfo", "MemAvailable");
    let groups = groups();
    let left = groups.iter().filter_map(|group| Some(group.limit()?.saturating_sub(group.used()?)));
    left.chain(machine).chain(address_space_left()).min()
}

/// Returns the peak resident memory of this process in bytes.
pub fn memory_peak() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM")
}

#[cfg(unix)]
fn address_space_left() -> Option<u64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current?;
    Some(limit.saturating_sub(kibibytes("/proc/self/status", "VmSize")?))
}

#[cfg(not(unix))]
fn address_space_left() -> Option<u64> {
    None
}

/// A control group with a memory limit.
struct ControlGroup {
    directory: PathBuf,
    /// Names of the files with limit and usage, and of the `memory.stat` lines for the page cache, which is
    /// reclaimable.
    names: [&'static str; 4],
}

impl ControlGroup {
    const VERSION_1: [&'static str; 4] =
        ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"];
    const VERSION_2: [&'static str; 4] = ["memory.max", "memory.current", "inactive_file", "active_file"];

    fn limit(&self) -> Option<u64> {
        self.number(self.names[0])
    }

    fn used(&self) -> Option<u64> {
        let stat = fs::read_to_string(self.directory.join("memory.stat")).unwrap_or_default();
        let lines = stat.lines().filter_map(|line| line.split_once(' '));
        let cached = lines.filter(|(name, _)| self.names[2..].contains(name));
        let cached: u64 = cached.filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok()).sum();
        Some(self.number(self.names[1])?.saturating_sub(cached))
    }

    /// Returns the number in a file; `None` also for `max` (no limit).
    fn number(&self, name: &str) -> Option<u64> {
        fs::read_to_string(self.directory.join(name)).ok()?.trim().parse().ok()
    }
}

/// Returns this process's control groups and their ancestors. In a container only its own group may be visible, as the
/// root.
fn groups() -> Vec<ControlGroup> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut groups = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, names) = match controllers {
            "" => (Path::new(CGROUP_ROOT).to_owned(), ControlGroup::VERSION_2),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (Path::new(CGROUP_ROOT).join("memory"), ControlGroup::VERSION_1)
            }
            _ => continue,
        };
        let own = Path::new(path.trim_start_matches('/'));
        groups.extend(own.ancestors().map(|path| ControlGroup { directory: root.join(path), names }));
    }
    groups
}

fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let number: u64 = field(path, name)?.split(' ').next()?.parse().ok()?;
    Some(number * 1024)
}

/// Returns the first value of a field in a file of `name : value` lines.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let values = text.lines().filter_map(|line| line.split_once(':'));
    values.into_iter().find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim().to_owned())
}

/// Returns the number of processors of the machine, also those that this process may not use.
pub(crate) fn cores() -> usize {
    #[cfg(unix)]
    {
        // SAFETY: `sysconf` accepts any name.
        let online = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
        usize::try_from(online).unwrap_or(1).max(1)
    }
    #[cfg(not(unix))]
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn memory_is_reported() {
        let (all, available, peak) = (memory().unwrap(), memory_available().unwrap(), memory_peak().unwrap());
        assert!(available <= all && peak < all, "{available} of {all}, peak {peak}");
        assert!(peak > 1 << 20);
    }

    #[test]
    fn control_group_usage_excludes_the_reclaimable_page_cache() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        let group = ControlGroup { directory: directory.path().to_owned(), names: ControlGroup::VERSION_2 };
        assert_eq!((group.limit(), group.used()), (None, None));
        write("memory.max", "max\n");
        write("memory.current", "1000\n");
        assert_eq!((group.limit(), group.used()), (None, Some(1000)));
        write("memory.max", "5000\n");
        write("memory.stat", "anon 300\nfile 700\ninactive_file 500\nactive_file 100\n");
        assert_eq!((group.limit(), group.used()), (Some(5000), Some(400)));
    }
}
