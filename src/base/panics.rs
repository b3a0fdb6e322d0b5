//! Panics of other people's code, turned into values.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    /// Whether a panic of this thread is caught, and so is nobody's news.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Does work that may panic on input that its authors did not think of; what it changed meanwhile means nothing then.
/// Only panics of this thread are caught.
///
/// # Errors
/// What it panicked with.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = IS_CAUGHT.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(before);
    outcome.map_err(|panic| message(panic.as_ref()))
}

/// Lets the panic hook keep silent about panics that [`caught`] catches.
pub fn install_hook() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !IS_CAUGHT.try_with(Cell::get).unwrap_or(false) {
            tell(panic);
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
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
        assert!(caught(|| values[3]).unwrap_err().contains("index is 3"));
        assert_eq!(caught(|| caught(|| panic!("inner"))), Ok(Err::<(), _>("inner".to_owned())));
        assert!(!IS_CAUGHT.get());
    }
}
