//! CPU time and peak memory of processes of this machine, from /proc. Source: Linux manual, proc_pid_stat(5) and
//! proc_pid_status(5).

use anyhow::{Context, anyhow};
use std::{fs, time::Duration};

/// `sysconf(_SC_CLK_TCK)`: 100 on every architecture that Linux runs Rust programs on.
const TICKS_PER_SECOND: u64 = 100;

/// What processes used since they began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    pub cpu: Duration,
    /// Largest resident set so far.
    pub peak_memory_bytes: u64,
}

impl ProcessUsage {
    /// The sum over all of `pids`.
    pub fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let mut sum = Self::default();
        for pid in pids {
            let read = |name: &str| {
                fs::read_to_string(format!("/proc/{pid}/{name}")).with_context(|| format!("cannot see process {pid}"))
            };
            let ticks = cpu_ticks(&read("stat")?).ok_or_else(|| anyhow!("/proc/{pid}/stat is not understood"))?;
            sum.cpu += Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
            sum.peak_memory_bytes += peak_memory_bytes(&read("status")?).unwrap_or(0);
        }
        Ok(sum)
    }
}

/// User and system time. The name in parentheses may hold anything, so counting begins behind the last one.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// A process that ended has no such line.
fn peak_memory_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_whatever_the_process_is_called() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 130 20 0 0 20 0 9 0 100 1000 200";
        assert_eq!(cpu_ticks(stat), Some(150));
        assert_eq!(cpu_ticks("42"), None);
        assert_eq!(peak_memory_bytes("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        assert_eq!(peak_memory_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_is_seen_and_an_impossible_one_is_not() {
        assert!(ProcessUsage::of(&[std::process::id()]).unwrap().peak_memory_bytes > 0);
        assert!(ProcessUsage::of(&[u32::MAX]).is_err());
    }
}
