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

// A run that makes no sense, and where a number went wrong.
pub const DUPLICATES: Phrase = phrase(
    "{n} of the {of} validation examples stand in the training set too, token for token: their loss measures memory",
    "{of} 个验证样本中有 {n} 个也逐词元地出现在训练集中：它们的损失衡量的是记忆",
);
pub const NO_END: Phrase = phrase(
    "the end token is learned in {n} of {of} answers only ({cut} were cut): where it is masked or cut off, the model does not learn to stop; `%data {data} max_length=N` with a larger N keeps it",
    "{of} 个回答中只有 {n} 个学习结束词元（{cut} 个被截短）：结束词元被掩盖或截掉时，模型学不会停止；用更大的 N 执行 `%data {data} max_length=N` 可以保留它",
);
pub const AT_EMBEDDING: Phrase = phrase("the embeddings", "嵌入");
pub const AT_SUM: Phrase =
    phrase("the residual sum after layer {layer} (of {of}, from 0)", "第 {layer} 层之后的残差和（共 {of} 层，从 0 起）");
pub const AT_ATTENTION: Phrase = phrase("the attention of layer {layer} (of {of}, from 0)", "第 {layer} 层的注意力（共 {of} 层，从 0 起）");
pub const AT_MLP: Phrase = phrase("the MLP of layer {layer} (of {of}, from 0)", "第 {layer} 层的 MLP（共 {of} 层，从 0 起）");
pub const AT_GRADIENT: Phrase = phrase("the gradient of `{tensor}`", "`{tensor}` 的梯度");
pub const THE_LOSS: Phrase = phrase("the loss", "损失");
pub const A_GRADIENT: Phrase = phrase("the gradient of `{tensor}`", "`{tensor}` 的梯度");

// Past runs.
pub const RUN: Phrase = phrase("run", "编号");
pub const BEGAN: Phrase = phrase("began (UTC)", "开始（UTC）");
pub const BEST_LOSS: Phrase = phrase("best val", "最佳验证");
pub const METHOD: Phrase = phrase("method", "方法");
pub const ENDED: Phrase = phrase("ended", "结束");
pub const RUN_DONE: Phrase = phrase("done", "完成");
pub const RUN_STOPPED: Phrase = phrase("stopped", "已停止");
pub const RUN_LIVE: Phrase = phrase("goes on", "进行中");
pub const RUN_KILLED: Phrase = phrase("killed", "被杀死");
pub const NO_RUNS: Phrase = phrase("no run has been recorded yet: `%train` makes one", "还没有训练记录：`%train` 会留下一条");
pub const RUNS_DAMAGED: Phrase = phrase("{n} records cannot be read and are left out: {files}", "{n} 条记录无法读取，未列出：{files}");
pub const LINES_DAMAGED: Phrase = phrase("{n} lines of the record cannot be read and are left out", "记录中有 {n} 行无法读取，已略去");
pub const RUN_DROPPED: Phrase = phrase("run {n} is out of the list; its record lies in {path}", "训练 {n} 已移出列表；其记录在 {path}");
pub const NO_RECORD: Phrase = phrase("the run is not recorded any further: {cause}", "训练不再继续记录：{cause}");
pub const DROP_ALONE: Phrase = phrase("it stands alone, without `show` and `overlay`", "它须单独使用，不能与 `show` 或 `overlay` 一起");
pub const LAYER: Phrase = phrase("layer", "层");
pub const GRADIENT_AT: Phrase = phrase("gradient at step {step}", "第 {step} 步的梯度");
pub const RATE: Phrase = phrase("learning rate", "学习率");
pub const NORM: Phrase = phrase("gradient norm", "梯度范数");
pub const RATIO: Phrase = phrase("log10 of update : weight", "更新与权重之比的 log10");
pub const HEALTHY: Phrase = phrase("about -3 is healthy", "-3 左右为健康");
pub const RUNS_TITLE: Phrase = phrase("{what}, run {runs}", "{what}，训练 {runs}");
pub const OVERFITS: Phrase = phrase("best {loss}; overfits after step {step}", "最佳 {loss}；第 {step} 步之后过拟合");

// What was learned by heart.
pub const MEMORISED: Phrase = phrase(
    "{trained} of what it writes after training prefixes stands word for word in the training set; after held-out prefixes {held_out}; of the held-out text itself {chance}",
    "在训练前缀之后写出的内容有 {trained} 逐字出现在训练集中；在留出前缀之后为 {held_out}；留出文本本身为 {chance}",
);
pub const MEMORISED_HOW: Phrase = phrase(
    "share of sequences of {gram} tokens, greedy, up to {written} tokens after each of {trained} training and {held_out} held-out prefixes (the prompt of an answer, or the first half of a text)",
    "{gram} 个词元的序列所占比例；贪心解码，在 {trained} 个训练前缀和 {held_out} 个留出前缀（回答的提示，或文本的前一半）之后各写至多 {written} 个词元",
);
pub const MEMORISED_STOPPED: Phrase =
    phrase("looking for what was memorised, after {n} of {of} prefixes", "查找被记住的内容，已看 {of} 个前缀中的 {n} 个");
