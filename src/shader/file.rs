//! The files of `shaders/`, in the program.

use std::borrow::Cow;

/// A path under `shaders/`, and the text.
pub(crate) type File = (&'static str, &'static str);

/// The same where names in the text may have been changed.
pub(crate) type Text = (&'static str, Cow<'static, str>);

/// Files as they are.
pub(crate) fn texts(files: &[File]) -> Vec<Text> {
    files.iter().map(|(path, text)| (*path, Cow::Borrowed(*text))).collect()
}

macro_rules! text {
    ($path:literal) => {
        (
            $path,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path)),
        )
    };
}
pub(crate) use text;
