//! Data, prompts and numbers out of range, and work without what it needs.

use insta::assert_snapshot;

use super::llama;

#[test]
fn data_that_cannot_be_read() {
    let world = llama();
    let with = |name: &str, content: &[u8]| {
        world.write(name, content);
        world.fail(&format!("%load llama-tiny\n%data {name}"))
    };
    assert_snapshot!(with("empty.jsonl", b""), @"
    error: `empty.jsonl` holds no examples
      %data empty.jsonl
    hint: `%data?` says what a file may hold
    ");
    assert_snapshot!(with("empty.json", b"[]"), @"
    error: `empty.json` holds no examples
      %data empty.json
    hint: `%data?` says what a file may hold
    ");
    assert_snapshot!(with("a.jsonl", b"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"c\"}\n"), @"
    error: `a.jsonl`, row 2: there is no `output`
      %data a.jsonl
    hint: correct that row, then `%data a.jsonl`
    ");
    assert_snapshot!(with("a.json", b"[{\"instruction\": \"a\", \"output\": \"b\"}, {\"instruction\": \"c\", \"output\": [3]}]"), @"
    error: `a.json`, row 2: `output` is not text
      %data a.json
    hint: correct that row, then `%data a.json`
    ");
    assert_snapshot!(with("b.jsonl", b"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \n"), @"
    error: `b.jsonl`, row 2: EOF while parsing a value at column 16
      %data b.jsonl
    hint: correct that row, then `%data b.jsonl`
    ");
    assert_snapshot!(with("c.jsonl", b"{\"head\": \"a\", \"tail\": \"b\"}\n"), @"
    error: `c.jsonl` has fields head, tail
      %data c.jsonl
    hint: use instruction/input/output, messages, prompt/completion, or text; `%data?` explains
    ");
    assert_snapshot!(with("d.jsonl", b"{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"\xff\", \"output\": \"b\"}\n"), @"
    error: `d.jsonl` is not UTF-8 text (line 2)
      %data d.jsonl
    hint: convert it first: `!iconv -f GB18030 -t UTF-8 d.jsonl > utf8.txt`
    ");
    assert_snapshot!(with("e.txt", b"\xff\xfe"), @"
    error: `e.txt` is not UTF-8 text (line 1)
      %data e.txt
    hint: convert it first: `!iconv -f GB18030 -t UTF-8 e.txt > utf8.txt`
    ");
    assert_snapshot!(with("f.csv", b"instruction,output\na,b\nc\n"), @"
    error: `f.csv`, row 3: 1 field(s), but the header names 2
      %data f.csv
    hint: correct that row, then `%data f.csv`
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%eval ppl e.txt"), @"
    error: `e.txt` is not UTF-8 text (line 1)
      %eval ppl e.txt
    hint: convert it first: `!iconv -f GB18030 -t UTF-8 e.txt > utf8.txt`
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%eval ppl empty.jsonl"), @"
    error: `empty.jsonl` holds no examples
      %eval ppl empty.jsonl
    hint: `%data?` says what a file may hold
    ");
    assert_snapshot!(world.fail("%pretrain e.txt"), @"
    error: `e.txt` is not UTF-8 text (line 1)
    hint: convert it first: `!iconv -f GB18030 -t UTF-8 e.txt > utf8.txt`
    ");
    assert_snapshot!(world.fail_in("zh", "%load llama-tiny\n%data a.jsonl"), @"
    错误: `a.jsonl` 第 2 行：缺少 `output`
      %data a.jsonl
    提示: 修正这一行，然后 `%data a.jsonl`
    ");
}

#[test]
fn prompts_longer_than_the_context() {
    let world = llama();
    let long = "again and ".repeat(30);
    let with = |magic: &str| world.fail(&format!("%load llama-tiny\n%{magic} {long}")).replace(long.trim_end(), "<long>");
    assert_snapshot!(with("generate"), @"
    error: the prompt has 180 tokens, the model's context holds 64
      %generate <long>
    hint: shorten the prompt; `%tokens TEXT` counts
    ");
    assert_snapshot!(with("chat"), @"
    error: the prompt has 196 tokens, the model's context holds 64
      %chat <long>
    hint: shorten the prompt; `%tokens TEXT` counts
    ");
    assert_snapshot!(with("next"), @"
    error: the prompt has 180 tokens, the model's context holds 64
      %next <long>
    hint: shorten the prompt; `%tokens TEXT` counts
    ");
}

#[test]
fn numbers_out_of_range() {
    let world = llama();
    let with = |line: &str| world.fail(&format!("%load llama-tiny\n%data rows.jsonl\n{line}"));
    assert_snapshot!(with("%lora r=0"), @"
    error: `r` cannot be `0`: a whole number of at least 1 is needed
      %lora r=0
    hint: `%lora?` shows what it takes
    ");
    assert_snapshot!(with("%train lr=NaN"), @"
    error: `lr` cannot be `NaN`: a finite number above 0 is needed
      %train lr=NaN
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(with("%train lr=inf"), @"
    error: `lr` cannot be `inf`: a finite number above 0 is needed
      %train lr=inf
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(with("%train epochs=-1"), @"
    error: `epochs` cannot be `-1`: a finite number above 0 is needed
      %train epochs=-1
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(with("%train batch=100"), @"
    error: batch=100, but there are only 11 training examples
      %train batch=100
    hint: %train batch=11
    ");
    assert_snapshot!(with("%lora dropout=1"), @"
    error: `dropout` cannot be `1`: a number of at least 0 and below 1 is needed
      %lora dropout=1
    hint: `%lora?` shows what it takes
    ");
    assert_snapshot!(with("%generate a temperature=-1"), @"
    error: `temperature` cannot be `-1`: a finite number of at least 0 is needed
      %generate a temperature=-1
    hint: `%generate?` shows what it takes
    ");
    assert_snapshot!(with("%next a top_p=1.5"), @"
    error: `top_p` cannot be `1.5`: a number above 0 and at most 1 is needed
      %next a top_p=1.5
    hint: `%next?` shows what it takes
    ");
    assert_snapshot!(with("%seed -1"), @"
    error: `N` cannot be `-1`: a whole number of at least 0 is needed
      %seed -1
    hint: `%seed?` shows what it takes
    ");
    assert_snapshot!(with("%data rows.jsonl val=1"), @"
    error: `val` cannot be `1`: a number of at least 0 and below 1 is needed
      %data rows.jsonl val=1
    hint: `%data?` shows what it takes
    ");
    assert_snapshot!(with("%eval ppl text.txt stride=1000"), @"
    error: `stride` cannot be `1000`: at most 64
      %eval ppl text.txt stride=1000
    hint: `%eval?` shows what it takes
    ");
    assert_snapshot!(with("%eval ppl text.txt max_length=1000"), @"
    error: `max_length` cannot be `1000`: at most 64
      %eval ppl text.txt max_length=1000
    hint: `%eval?` shows what it takes
    ");
    assert_snapshot!(with("%pretrain text.txt hidden=33 heads=2"), @"
    error: `hidden` cannot be `33`: a multiple of 2 x heads = 4 is needed
      %pretrain text.txt hidden=33 heads=2
    hint: `%pretrain?` shows what it takes
    ");
    assert_snapshot!(with("%pretrain text.txt vocab=20"), @"
    error: `vocab` cannot be `20`: at least 257 are needed: the 256 bytes and the end of a document
      %pretrain text.txt vocab=20
    hint: `%pretrain?` shows what it takes
    ");
    assert_snapshot!(with("%history many"), @"
    error: `N` cannot be `many`: a whole number of at least 1 is needed
      %history many
    hint: `%history?` shows what it takes
    ");
    assert_snapshot!(world.fail_in("zh", "%lora r=0"), @"
    错误: `r` 不能是 `0`：需要不小于 1 的整数
    提示: `%lora?` 查看可用的值
    ");
    assert_snapshot!(world.fail_in("zh", "%load llama-tiny\n%data rows.jsonl\n%train batch=100"), @"
    错误: batch=100，但训练样本只有 11 个
      %train batch=100
    提示: %train batch=11
    ");
}

#[test]
fn nothing_to_work_on() {
    let world = llama();
    assert_snapshot!(world.fail("%generate hello"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%unload"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%save out"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%data rows.jsonl"), @"
    error: no model is loaded
    hint: %load spark
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%train"), @"
    error: no data is loaded
      %train
    hint: %data FILE
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%eval ppl"), @"
    error: no data is loaded
      %eval ppl
    hint: %data FILE
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%data"), @"
    error: no data is loaded
      %data
    hint: %data FILE
    ");
    assert_snapshot!(world.fail("%load llama-tiny\n%train resume=true"), @"
    error: there is no run to resume
      %train resume=true
    hint: %train
    ");
    assert_snapshot!(world.fail_in("zh", "%generate hello"), @"
    错误: 还没有加载模型
    提示: %load spark
    ");
}
