//! The files of `shaders/`, in the program.

/// A path under `shaders/`, and the text.
pub(crate) type File = (&'static str, &'static str);

macro_rules! text {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)),
        )
    };
}
pub(crate) use text;
