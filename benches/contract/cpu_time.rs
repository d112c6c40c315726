//! CPU time of this process. On a shared machine it is steadier than wall time, because it does not
//! count the wait for a core that another process holds.

/// Seconds that all threads of this process have run, in steps of 10 ms; Linux only.
pub fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold spaces. User and system
    // time are the 14th and 15th, in ticks that Linux fixes at 100 a second for every program.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut ticks = after_name.split_whitespace().skip(11);
    let user: f64 = ticks.next()?.parse().ok()?;
    let system: f64 = ticks.next()?.parse().ok()?;
    Some((user + system) / 100.0)
}
