//! Opening an MPI library.

use crate::base::{Error, Result};
use crate::group::mpi::Launcher;
use crate::group::mpi::calls::{Calls, Functions};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::ffi::{c_int, c_void};

/// Open MPI 4 and 5, MPICH, and the others with MPICH's binary interface.
const OPEN_MPI: &str = "libmpi.so.40";
const MPICH: [&str; 2] = ["libmpich.so.12", "libmpi.so.12"];

/// Opens the library that `SIMCLR_MPI` names, or the first that exists, that of the launcher before others.
pub(super) fn open(launcher: &Launcher) -> Result<Box<dyn Calls>> {
    let mut tried = Vec::new();
    for name in candidates(launcher, std::env::var("SIMCLR_MPI").ok()) {
        // SAFETY: MPI libraries may be opened by programs that were not linked with them; their plugins need the symbols
        // to be global.
        match unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_GLOBAL) } {
            Ok(library) => return functions(&library, &name).inspect(|_| std::mem::forget(library)),
            Err(error) => tried.push(format!("{name}: {}", reason(&error))),
        }
    }
    let what = format!("no MPI library can be opened ({})", tried.join("; "));
    Err(Error::usage(what).help(
        "install Open MPI or MPICH, load its module, or name its library in SIMCLR_MPI=/path/libmpi.so; on one machine, \
         `--ranks N` needs no MPI",
    ))
}

/// Returns what the loader says, without the name.
fn reason(error: &libloading::Error) -> String {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    text.split_once(": ").map_or(text.clone(), |(_, reason)| reason.to_owned())
}

fn candidates(launcher: &Launcher, chosen: Option<String>) -> Vec<String> {
    if let Some(chosen) = chosen.filter(|name| !name.is_empty()) {
        return vec![chosen];
    }
    let mut names = vec![OPEN_MPI, MPICH[0], MPICH[1]];
    if launcher.is_mpich {
        names.rotate_left(1);
    }
    names.into_iter().map(str::to_owned).collect()
}

fn functions(library: &Library, name: &str) -> Result<Box<dyn Calls>> {
    let symbols = Symbols { library, name };
    // Open MPI's handles are the addresses of objects; MPICH's are these numbers, fixed by its binary interface.
    if let Ok(world) = symbols.address("ompi_mpi_comm_world") {
        let (byte, no_request) = (symbols.address("ompi_mpi_byte")?, symbols.address("ompi_request_null")?);
        return Ok(Box::new(symbols.table::<*mut c_void>([world, byte, no_request], 0)?));
    }
    Ok(Box::new(symbols.table::<c_int>([0x4400_0000, 0x4c00_010d, 0x2c00_0000], 1)?))
}

struct Symbols<'a> {
    library: &'a Library,
    name: &'a str,
}

impl Symbols<'_> {
    fn missing(&self, symbol: &str) -> Error {
        Error::usage(format!("{} has no {symbol}", self.name)).help("name an MPI library in SIMCLR_MPI")
    }

    /// Returns the address of an object.
    fn address(&self, symbol: &str) -> Result<*mut c_void> {
        // SAFETY: only the address is taken.
        let found = unsafe { self.library.get::<*mut c_void>(symbol.as_bytes()) };
        found.map(|symbol| symbol.into_raw().cast()).map_err(|_| self.missing(symbol))
    }

    /// Returns a function of the type `F`, which must be its type in the standard.
    fn function<F: Copy>(&self, symbol: &str) -> Result<F> {
        // SAFETY: the types of `Functions` are those of the MPI standard, with the handles of this library's interface.
        unsafe { self.library.get::<F>(symbol.as_bytes()) }.map(|found| *found).map_err(|_| self.missing(symbol))
    }

    fn table<H: Copy>(&self, [world, byte, no_request]: [H; 3], no_status: usize) -> Result<Functions<H>> {
        Ok(Functions {
            init: self.function("MPI_Init_thread")?,
            finalize: self.function("MPI_Finalize")?,
            abort: self.function("MPI_Abort")?,
            rank: self.function("MPI_Comm_rank")?,
            size: self.function("MPI_Comm_size")?,
            library_version: self.function("MPI_Get_library_version")?,
            processor_name: self.function("MPI_Get_processor_name")?,
            all_gather: self.function("MPI_Allgather")?,
            all_to_all: self.function("MPI_Alltoall")?,
            broadcast: self.function("MPI_Ibcast")?,
            test: self.function("MPI_Test")?,
            world,
            byte,
            no_request,
            no_status,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_the_launcher_is_tried_first() {
        let launcher = |is_mpich| Launcher { name: "mpirun".to_owned(), size: 2, local: None, is_mpich };
        assert_eq!(candidates(&launcher(false), None)[0], OPEN_MPI);
        assert_eq!(candidates(&launcher(true), None)[0], MPICH[0]);
        assert_eq!(candidates(&launcher(true), Some("/opt/libmpi.so".to_owned())), ["/opt/libmpi.so"]);
    }
}
