//! Much of it: cells in a row, and lines of one cell.

use std::path::Path;

use kernel::client::Client;

use super::{good, value};
use crate::harness::kernel::printed;

/// The processes under `root` and the files that each holds open.
pub fn family(root: u32) -> Vec<(u32, usize)> {
    // PID (NAME) STATE PARENT …
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pairs: Vec<(u32, u32)> = all.filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(one) = found.get(at).copied() {
        found.extend(pairs.iter().filter(|(_, parent)| *parent == one).map(|(pid, _)| pid));
        at += 1;
    }
    let open = |pid: u32| std::fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fd")).map_or(0, Iterator::count);
    found.into_iter().map(|pid| (pid, open(pid))).collect()
}

/// A hundred cells that print, ask, keep and show, and 100,000 lines of one cell: nothing is left open.
pub fn hundred(client: &Client, kernel: u32) {
    let cell = |n: usize| format!("let kept = lab::encode(\"the cat\")?.len() + {n};\nprintln!(\"{n}\");\nkept");
    for n in 0..3 {
        good(client, &cell(n));
    }
    let before = family(kernel);
    assert!(before.len() >= 3, "session, engine and program: {before:?}");
    for n in 3..103 {
        let events = good(client, &cell(n));
        assert_eq!(printed(&events), format!("{n}\n"));
        assert!(value(&events).parse::<usize>().unwrap() > n);
    }
    let lines = printed(&good(client, "for i in 0..100_000 { println!(\"{i}\"); }"));
    assert!(lines.lines().count() == 100_000 && lines.ends_with("\n99999\n"));
    let after = family(kernel);
    assert_eq!(after.iter().map(|(pid, _)| *pid).collect::<Vec<_>>(), before.iter().map(|(pid, _)| *pid).collect::<Vec<_>>());
    for ((pid, was), (_, is)) in before.iter().zip(&after) {
        assert!(*is <= was + 2, "process {pid} had {was} files open and has {is}");
    }
}
