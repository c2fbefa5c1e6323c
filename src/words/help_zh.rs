//! Chinese help of magics and their options; the English is the doc comments themselves.

/// What a magic does.
pub fn magic(name: &str) -> Option<&'static str> {
    MAGICS.iter().find(|(magic, _)| *magic == name).map(|(_, text)| *text)
}

/// What an option does: one of this magic's own, else one that means the same everywhere.
pub fn option(magic: &str, option: &str) -> Option<&'static str> {
    let of = |owner: &str| OPTIONS.iter().find(|(m, o, _)| *m == owner && *o == option).map(|(_, _, text)| *text);
    of(magic).or_else(|| of("*"))
}

const MAGICS: &[(&str, &str)] = &[
    ("device", "显示或选择计算设备"),
    ("seed", "显示或设置随机数种子"),
    ("status", "显示会话中有什么"),
    ("history", "显示以前的单元格"),
    ("clear", "清除这个单元格的输出"),
    ("input", "请人输入一行文字"),
    ("lang", "显示或设置消息和帮助的语言"),
    ("lsmagic", "列出所有魔法命令"),
    ("help", "解释一个魔法命令，或说明如何开始"),
];

const OPTIONS: &[(&str, &str, &str)] = &[
    ("*", "json", "把结果打印成一行 JSON"),
    ("device", "device", "`cpu`、`cuda`、`cuda:1`、`metal`、`auto`"),
    ("seed", "seed", "新的种子"),
    ("history", "n", "显示多少条，最新的在最后"),
    ("history", "grep", "只显示包含这段文字的"),
    ("clear", "wait", "等到下一次输出时再清除，避免闪烁"),
    ("input", "prompt", "在回答之前显示的文字"),
    ("input", "password", "不显示输入的内容"),
    ("lang", "lang", "`en` 或 `zh`"),
    ("help", "magic", "魔法命令，可带 `%`"),
];
