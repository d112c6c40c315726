//! What a tool does when its reader closes the pipe, as in `inspect MODEL | head -1`.

/// Lets SIGPIPE end the process, as in other Unix tools. Rust ignores the signal, and `println!` panics instead.
pub fn end_with_the_reader() {
    #[cfg(unix)]
    // SAFETY: this restores the default of the signal, before there is any other thread.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}
