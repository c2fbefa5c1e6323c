//! Memory of a run, its record, and what it learned by heart.

use super::{Phrase, phrase};

pub const RECOMPUTES: Phrase = phrase(
    "the layers run again in the backward pass, {every} at a time: all kept would take about {plain}",
    "反向传播时会重新计算各层，每次 {every} 层：全部保留大约需要 {plain}",
);
pub const SAVED: Phrase = phrase(
    "memory: {peak} at most (measured); with all layers kept {plain} (forecast), so {saved} saved. Time: {again} of {seconds} went into running layers again (measured)",
    "内存：最多 {peak}（实测）；若保留所有层为 {plain}（预测），节省 {saved}。时间：{seconds} 中有 {again} 用于重新计算（实测）",
);
pub const BYTES_WANTED: Phrase = phrase("a number of bytes such as 800MB or 1.5GB", "字节数，例如 800MB 或 1.5GB");
pub const RECOMPUTE_WANTED: Phrase = phrase("`auto`, `off`, `layer` or a number of layers", "`auto`、`off`、`layer` 或层数");
