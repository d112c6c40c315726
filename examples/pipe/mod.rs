//! What a tool does when nobody reads on, as in `inspect MODEL | head -1`.

/// Ends the process at the next line that it prints for nobody, as other tools of Unix do. Rust ignores that signal,
/// and `println!` panics instead.
pub fn end_with_the_reader() {
    #[cfg(unix)]
    // SAFETY: the signal gets its own default back, before there is any other thread.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}
