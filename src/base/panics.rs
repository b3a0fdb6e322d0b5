//! Panics of third-party code, turned into errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    /// Whether a panic of this thread would be caught, so that the hook stays silent about it.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, which may panic on unexpected input; whatever it modified is then in an unspecified state. Only panics
/// of this thread are caught.
///
/// # Errors
/// The panic message, if it panicked.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_payload(work).map_err(|panic| message(panic.as_ref()))
}

/// As [`catch`], but returns the panic itself, so that it can be resumed.
///
/// # Errors
/// The panic.
pub fn catch_payload<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    let before = IS_CAUGHT.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(before);
    outcome
}

/// Makes the panic hook silent about panics that [`catch`] catches.
pub(crate) fn install_hook() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !IS_CAUGHT.try_with(Cell::get).unwrap_or(false) {
            report(panic);
        }
    }));
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panic").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_their_messages() {
        let values: Vec<u8> = Vec::new();
        assert_eq!(catch(|| 7), Ok(7));
        assert_eq!(catch(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
        assert!(catch(|| values[3]).unwrap_err().contains("index is 3"));
        assert_eq!(catch(|| catch(|| panic!("inner"))), Ok(Err::<(), _>("inner".to_owned())));
        assert!(!IS_CAUGHT.get());
    }
}
