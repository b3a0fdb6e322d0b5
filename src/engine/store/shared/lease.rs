//! Leases: files that name their holder, acquired by an atomic link and renewed by touching.

use super::owner::Owner;
use super::{Shared, SharedSettings, clock, superseded};
use crate::base::{Error, Result, files};
use crate::engine::store::disk::{DiskOps, RealDisk};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::SystemTime;

/// Attempts to acquire a lease whose file disappears meanwhile.
const ATTEMPTS: u32 = 3;

/// A lease of this process, released when dropped. A thread renews it.
#[derive(Debug)]
pub(crate) struct Lease {
    held: Arc<Held>,
    renewer: Option<JoinHandle<()>>,
}

/// What the holder and the thread that renews the lease share.
#[derive(Debug)]
struct Held {
    shared: Arc<Shared>,
    path: PathBuf,
    owner: Owner,
    /// Whether another process has taken over.
    is_lost: AtomicBool,
    /// Set when the lease is lost.
    halted: Mutex<Option<Arc<AtomicBool>>>,
    /// Whether the lease is being released.
    is_ending: Mutex<bool>,
    ending: Condvar,
}

impl Lease {
    /// Acquires a lease; none if another process holds it. A stale one is taken over.
    ///
    /// # Errors
    /// The directory cannot be written or a thread cannot be started.
    pub(crate) fn try_acquire(shared: &Arc<Shared>, path: &Path) -> Result<Option<Self>> {
        path.parent().map_or(Ok(()), |directory| shared.disk.create_directory(directory))?;
        for _ in 0..ATTEMPTS {
            if let Some(owner) = read(path)?
                && !(shared.is_stale(path, &owner)? && shared.withdraw(path, &owner)?)
            {
                return Ok(None);
            }
            let owner = Owner::new(&shared.settings);
            if shared.create(path, &owner)? {
                return Self::renewed(shared, path, owner).map(Some);
            }
        }
        Ok(None)
    }

    fn renewed(shared: &Arc<Shared>, path: &Path, owner: Owner) -> Result<Self> {
        let held = Arc::new(Held {
            shared: shared.clone(),
            path: path.to_owned(),
            owner,
            is_lost: AtomicBool::new(false),
            halted: Mutex::new(None),
            is_ending: Mutex::new(false),
            ending: Condvar::new(),
        });
        let mut lease = Self { held: held.clone(), renewer: None };
        let renewer = std::thread::Builder::new().name("lease".to_owned()).spawn(move || held.renew_until_end());
        lease.renewer = Some(renewer.map_err(|error| Error::no_threads("renew a lease", error))?);
        Ok(lease)
    }

    /// Returns what distinguishes this lease from all others.
    pub(crate) fn token(&self) -> &str {
        &self.held.owner.token
    }

    /// Sets a flag as soon as the lease is lost.
    pub(crate) fn halt_when_lost(&self, halted: &Arc<AtomicBool>) {
        *lock(&self.held.halted) = Some(halted.clone());
        if self.is_lost() {
            halted.store(true, Ordering::Relaxed);
        }
    }

    /// Whether another process is known to have taken over.
    pub(crate) fn is_lost(&self) -> bool {
        self.held.is_lost.load(Ordering::Relaxed)
    }

    /// Renews the lease and checks that it is still this process's.
    ///
    /// # Errors
    /// Another process has taken over ([`crate::base::ErrorKind::Superseded`]), or the file cannot be read.
    pub(crate) fn check(&self) -> Result<()> {
        self.held.renew()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        *lock(&self.held.is_ending) = true;
        self.held.ending.notify_all();
        if let Some(renewer) = self.renewer.take() {
            let _ = renewer.join();
        }
        // If it cannot be removed, it gets stale.
        if !self.is_lost() && self.held.renew().is_ok() {
            let _ = self.held.shared.disk.remove(&self.held.path);
        }
    }
}

impl Held {
    /// Renews the lease in intervals until it is released or lost.
    fn renew_until_end(&self) {
        let mut is_ending = lock(&self.is_ending);
        while !*is_ending && !self.is_lost.load(Ordering::Relaxed) {
            let interval = self.shared.settings.renew();
            let waited = self.ending.wait_timeout_while(is_ending, interval, |is_ending| !*is_ending);
            is_ending = waited.unwrap_or_else(PoisonError::into_inner).0;
            if !*is_ending {
                drop(is_ending);
                // A failure may be gone at the next attempt; the holder checks again before it changes anything.
                let _ = self.renew();
                is_ending = lock(&self.is_ending);
            }
        }
    }

    fn renew(&self) -> Result<()> {
        if self.is_lost.load(Ordering::Relaxed) {
            return Err(superseded(&self.path, read(&self.path)?.as_ref()));
        }
        // Before the check: a process that is about to take over looks at the time.
        let touched = self.shared.disk.touch(&self.path);
        match read(&self.path)? {
            Some(owner) if owner.token == self.owner.token => touched,
            other => {
                self.is_lost.store(true, Ordering::Relaxed);
                if let Some(halted) = &*lock(&self.halted) {
                    halted.store(true, Ordering::Relaxed);
                }
                Err(superseded(&self.path, other.as_ref()))
            }
        }
    }
}

impl Shared {
    /// Creates the file of a lease, if there is none: written under a unique name and linked, which is atomic even where
    /// exclusive creation is not. Without links, by exclusive creation.
    fn create(&self, path: &Path, owner: &Owner) -> Result<bool> {
        let unique = path.with_file_name(format!(".{}.new", owner.token));
        let content =
            serde_json::to_vec(owner).map_err(|error| Error::bug(format!("cannot write a lease: {error}")))?;
        self.disk.write(&unique, &content)?;
        let linked = self.disk.link(&unique, path);
        let is_linked = match &linked {
            Ok(()) => true,
            // The answer of a server may be lost, and the link exist nevertheless.
            Err(_) => read(path)?.is_some_and(|current| current.token == owner.token),
        };
        let created = match linked {
            _ if is_linked => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) if has_no_links(&error) => self.disk.create_new(path, &content),
            Err(error) => Err(Error::io("create the lease", path, &error)),
            Ok(()) => Ok(true),
        };
        self.disk.remove(&unique)?;
        created
    }

    /// Takes a stale lease out of the way. Returns whether the name is free: another process may have been faster.
    fn withdraw(&self, path: &Path, stale: &Owner) -> Result<bool> {
        let aside = path.with_file_name(format!(".{}.stale", super::unique_token()));
        match self.disk.try_rename(path, &aside) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(Error::io("take over the lease", path, &error)),
        }
        let is_stale = read(&aside)?.is_none_or(|owner| owner.token == stale.token);
        if !is_stale {
            // Another process has taken it over since it was looked at. If a third one is faster than this link, the
            // second finds its lease lost.
            let _ = self.disk.link(&aside, path);
        }
        self.disk.remove(&aside)?;
        Ok(is_stale)
    }
}

/// Whether a lease outside of the store is held, as far as one look shows.
pub(crate) fn is_leased(path: &Path) -> bool {
    let disk = DiskOps::new(Arc::new(RealDisk));
    let now = || path.parent().and_then(|directory| clock::read(directory, &disk).ok());
    is_live(path, &SharedSettings::default(), &disk, now)
}

impl Shared {
    /// Whether a lease is held, as far as one look shows.
    pub(in crate::engine::store) fn is_leased(&self, path: &Path) -> bool {
        is_live(path, &self.settings, &self.disk, || self.clock.now(&self.disk).ok())
    }
}

/// Whether a lease exists, its holder is not known to be dead, and it was renewed recently. Where the clock of the file
/// server cannot be read, in a directory that cannot be written, this machine's is used.
fn is_live(path: &Path, settings: &SharedSettings, disk: &DiskOps, now: impl Fn() -> Option<SystemTime>) -> bool {
    let Ok(Some(owner)) = read(path) else { return false };
    let Ok(Some(modified)) = disk.modified_if_exists(path) else { return false };
    let age = || now().unwrap_or_else(SystemTime::now).duration_since(modified).unwrap_or_default();
    !owner.is_dead() && age() <= owner.stale_after(settings)
}

/// Reads a lease; none if there is none.
fn read(path: &Path) -> Result<Option<Owner>> {
    match files::read_bytes(path) {
        Ok(bytes) => Ok(Some(Owner::parse(&bytes))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read the lease", path, &error)),
    }
}

fn has_no_links(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied | ErrorKind::TooManyLinks)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
