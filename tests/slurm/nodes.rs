//! A Slurm of four nodes on one host: a controller, four daemons and munge, in a temporary directory on ports of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The daemons and commands.
const PROGRAMS: [&str; 7] = ["slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol", "sinfo"];
/// Names of the nodes.
const NAMES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(120);

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

pub(crate) struct Nodes {
    directory: TempDir,
}

impl Nodes {
    /// Starts the daemons and waits until all nodes are idle.
    ///
    /// `age` is how many seconds the controller remembers jobs that have ended.
    pub(crate) fn start(age: u32) -> Result<Self, String> {
        let root = Command::new("id").arg("-u").output().is_ok_and(|done| done.stdout.starts_with(b"0\n"));
        if !root {
            return Err("the daemons of Slurm need root".to_owned());
        }
        if let Some(missing) = PROGRAMS.iter().find(|program| !is_installed(program)) {
            return Err(format!("{missing} is not installed (Debian: slurm-wlm, slurmd, slurmctld, munge)"));
        }
        // The paths of sockets are short.
        let directory = tempfile::Builder::new().prefix("sl").tempdir_in("/tmp").unwrap();
        let nodes = Self { directory };
        nodes.write_files(ports(), age);
        nodes.munge();
        nodes.controller();
        NAMES.iter().for_each(|name| nodes.daemon(name));
        nodes.wait_for("all nodes are idle", || {
            let done = nodes.slurm("sinfo", &["-h", "-p", "main", "-o", "%T %D"]);
            String::from_utf8_lossy(&done.stdout).trim() == "idle 4"
        });
        Ok(nodes)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write_files(&self, port: u16, age: u32) {
        for name in ["munge", "run", "log", "state", "work"] {
            fs::create_dir(self.path(name)).unwrap();
        }
        for name in NAMES {
            fs::create_dir_all(self.path("spool").join(name)).unwrap();
            fs::create_dir_all(self.path("tmp").join(name)).unwrap();
        }
        let keys: Vec<u8> = (0..1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        fs::write(self.path("munge/key"), keys).unwrap();
        for (path, mode) in [("munge", "700"), ("munge/key", "400")] {
            Command::new("chmod").arg(mode).arg(self.path(path)).status().unwrap();
        }
        let directory = self.directory.path().display().to_string();
        let conf = include_str!("slurm.conf").replace("@DIR@", &directory).replace("@PORT@", &port.to_string());
        let conf = conf.replace("@AGE@", &age.to_string());
        let daemons = format!("{}-{}", port + 1, port + 4);
        fs::write(self.path("slurm.conf"), conf.replace("@PORTS@", &daemons)).unwrap();
    }

    fn munge(&self) {
        let option = |name: &str, file: &str| format!("--{name}={}", self.path(&format!("munge/{file}")).display());
        let options = [
            ("key-file", "key"),
            ("socket", "socket"),
            ("pid-file", "pid"),
            ("log-file", "log"),
            ("seed-file", "seed"),
        ];
        let options = options.map(|(name, file)| option(name, file));
        let done = Command::new("munged").arg("--force").arg("--num-threads=2").args(options).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Starts the controller.
    pub(crate) fn controller(&self) {
        let done = self.slurm("slurmctld", &[]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Starts the daemon of a node.
    pub(crate) fn daemon(&self, name: &str) {
        let done = self.slurm("slurmd", &["-N", name]);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Returns the process id of a daemon: `slurmctld`, `n1`.
    pub(crate) fn pid(&self, name: &str) -> Option<String> {
        let pid = fs::read_to_string(self.path("run").join(format!("{name}.pid"))).ok()?;
        Some(pid.trim().to_owned())
    }

    /// Calls a command of Slurm.
    pub(crate) fn slurm(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["30", program]).args(arguments).env("SLURM_CONF", self.path("slurm.conf"));
        // The daemons keep what they inherit.
        if program.starts_with("slurm") {
            command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
        }
        command.current_dir(self.path("work")).output().unwrap()
    }

    /// Writes a pipeline and settings into the working directory.
    pub(crate) fn write(&self, pipeline: &str, settings: &str) {
        fs::write(self.path("work/sweep.toml"), pipeline).unwrap();
        let fast = "[executor.slurm]\nlatency = \"2 s\"\npoll = \"1 s\"\nwarn_before = \"20 s\"\n";
        let resources = "[executor.slurm.resources.default]\nmemory = \"200 MB\"\ntime = \"3 min\"\n";
        fs::write(self.path("work/cluster.toml"), format!("{fast}{settings}{resources}")).unwrap();
    }

    /// Returns a call of the program in the working directory.
    pub(crate) fn program(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args(["280", env!("CARGO_BIN_EXE_simclr")]).args(arguments).current_dir(directory);
        command.env("SLURM_CONF", self.path("slurm.conf")).env("SIMCLR_CLUSTER", self.path("work/cluster.toml"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Calls the program; returns the exit code and what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        done(self.program(&self.path("work"), arguments).output().unwrap())
    }

    /// Starts the program.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.program(&self.path("work"), arguments).spawn().unwrap()
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path("work/outputs")
    }

    /// Returns the directory of the latest run.
    pub(crate) fn run_directory(&self) -> PathBuf {
        self.output().join("runs/sweep/latest").canonicalize().unwrap()
    }

    /// Waits until something holds.
    pub(crate) fn wait_for(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < LIMIT, "{what}: waited in vain\n{}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Returns lines `85_0 RUNNING n1` of all tasks.
    pub(crate) fn queue(&self) -> String {
        let done = self.slurm("squeue", &["-h", "-r", "-t", "all", "-o", "%i %T %N"]);
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.path("log/slurmctld.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(40).collect();
        format!("{}\n{}", self.queue(), lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }

    /// Returns the directories of all lives of all tasks of the latest run; none before it exists.
    pub(crate) fn lives(&self) -> Vec<PathBuf> {
        let entries =
            |directory: PathBuf| fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
        entries(self.output().join("runs/sweep/latest/cluster/tasks")).flat_map(entries).collect()
    }

    /// Returns the events of all lives of all tasks.
    pub(crate) fn events(&self) -> String {
        self.lives().iter().map(|life| fs::read_to_string(life.join("events.jsonl")).unwrap_or_default()).collect()
    }

    /// Returns the number of lives of tasks that were requeued.
    pub(crate) fn requeued(&self) -> usize {
        self.lives().iter().filter(|life| !life.to_string_lossy().ends_with("-0")).count()
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.slurm("scancel", &["-u", "root"]);
        for name in NAMES.iter().chain(&["slurmctld"]) {
            if let Some(pid) = self.pid(name) {
                kill("-TERM", &pid);
            }
        }
        if let Ok(pid) = fs::read_to_string(self.path("munge/pid")) {
            kill("-TERM", pid.trim());
        }
        // They write their state when they end.
        let start = Instant::now();
        let is_running = |name: &&str| self.pid(name).is_some_and(|pid| Path::new("/proc").join(pid).exists());
        while NAMES.iter().chain(&["slurmctld"]).any(is_running) && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Sends a signal.
pub(crate) fn kill(signal: &str, pid: &str) {
    let _ = Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status();
}

/// Returns the exit code and what was printed.
pub(crate) fn done(output: Output) -> (i32, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), text)
}

fn is_installed(program: &str) -> bool {
    let directories = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    directories.split(':').any(|directory| Path::new(directory).join(program).is_file())
}

/// Returns the first of five free ports.
fn ports() -> u16 {
    let start = 21_000 + (std::process::id() % 500) as u16 * 20;
    loop {
        let first = start + NEXT_PORT.fetch_add(5, Ordering::Relaxed);
        if (first..first + 5).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return first;
        }
    }
}
