//! Lines that do not parse.

use insta::assert_snapshot;

use super::llama;

#[test]
fn magics_and_options_that_are_not_there() {
    let world = llama();
    assert_snapshot!(world.fail("%lod spark"), @"
    error: there is no magic `%lod`
    hint: did you mean `%load`? `%lsmagic` lists them all
    ");
    assert_snapshot!(world.fail("%xyzzyplugh"), @"
    error: there is no magic `%xyzzyplugh`
    hint: `%lsmagic` lists them all
    ");
    assert_snapshot!(world.fail("%%bash\necho"), @"
    error: there is no cell magic `%%bash`
      %%bash
    hint: `%lsmagic` lists them all
    ");
    assert_snapshot!(world.fail("%trian?"), @"
    error: there is no magic `%trian`
      %trian?
      ^^^^^^
    hint: did you mean `%train`? `%lsmagic` lists them all
    ");
    assert_snapshot!(world.fail("%train epoch=3"), @"
    error: `%train` has no option `epoch`
    hint: did you mean `epochs`? `%train?` shows them all
    ");
    assert_snapshot!(world.fail("%train --batch-sise 3"), @"
    error: `%train` has no option `batch-sise`
    hint: did you mean `batch`? `%train?` shows them all
    ");
    assert_snapshot!(world.fail("%lora zzz=3"), @"
    error: `%lora` has no option `zzz`
    hint: `%lora?` shows them all
    ");
    assert_snapshot!(world.fail_in("zh", "%train epoch=3"), @"
    错误: `%train` 没有选项 `epoch`
    提示: 是不是 `epochs`？`%train?` 列出全部
    ");
}

#[test]
fn values_and_words_that_do_not_fit() {
    let world = llama();
    assert_snapshot!(world.fail("%train dtype=f64"), @"
    error: `dtype` cannot be `f64`: use f32, f16, bf16, packed
    hint: `%train?` shows what it takes
    ");
    assert_snapshot!(world.fail("%quant q9"), @"
    error: `FORMAT` cannot be `q9`: use f32, f16, bf16, int8, nf4, q8_0, q6_k, q5_k, q5_1, q5_0, q4_k, q4_1, q4_0
    hint: `%quant?` shows what it takes
    ");
    assert_snapshot!(world.fail("%eval bleu"), @"
    error: `METRIC` cannot be `bleu`: use ppl, memorised
    hint: `%eval?` shows what it takes
    ");
    assert_snapshot!(world.fail("%lang tlh"), @"
    error: `LANG` cannot be `tlh`: use en, zh
    hint: `%lang?` shows what it takes
    ");
    assert_snapshot!(world.fail("%clear wait=maybe"), @"
    error: `wait` cannot be `maybe`: use true, false
    hint: `%clear?` shows what it takes
    ");
    assert_snapshot!(world.fail("%info json=maybe"), @"
    error: `json` cannot be `maybe`: use true, false
    hint: `%info?` shows what it takes
    ");
    assert_snapshot!(world.fail("%load x device=tpu"), @"
    error: there is no device `tpu`; available: cpu
    hint: %device
    ");
    assert_snapshot!(world.fail("%generate"), @"
    error: `%generate` needs PROMPT
    hint: `%generate?` shows examples
    ");
    assert_snapshot!(world.fail("%quant"), @"
    error: `%quant` needs FORMAT
    hint: `%quant?` shows examples
    ");
    assert_snapshot!(world.fail("%train lr="), @"
    error: `%train` needs a value for `lr`
    hint: `%train?` shows examples
    ");
    assert_snapshot!(world.fail("%train --lr"), @"
    error: `%train` needs a value for `lr`
    hint: `%train?` shows examples
    ");
    assert_snapshot!(world.fail("%train lr=1 lr=2"), @"
    error: `%train`: the option `lr` is given twice
    hint: `%train?` shows how to use it
    ");
    assert_snapshot!(world.fail("%train epochs"), @"
    error: `%train`: `epochs` is an option: write `epochs=N`
    hint: `%train?` shows how to use it
    ");
    assert_snapshot!(world.fail("%train resume"), @"
    error: `%train`: `resume` is an option: write `resume=true`
    hint: `%train?` shows how to use it
    ");
    assert_snapshot!(world.fail("%history 1 2"), @"
    error: `%history`: `2` is one word too many
    hint: `%history?` shows how to use it
    ");
    assert_snapshot!(world.fail("%generate \"abc"), @r#"
    error: `%generate`: the quote " is not closed
    hint: `%generate?` shows how to use it
    "#);
    assert_snapshot!(world.fail("!exit 3"), @"error: `exit 3` ended with status 3");
    assert_snapshot!(world.fail("%input Name?"), @"error: interrupted: no answer came");
    assert_snapshot!(world.fail_in("zh", "%train lr=1 lr=2"), @"
    错误: `%train`：选项 `lr` 给了两次
    提示: `%train?` 查看用法
    ");
}

#[test]
fn switches_can_be_off() {
    let world = llama();
    assert_eq!(world.run("%clear wait=false json=false"), "");
    assert_eq!(world.run("%clear --json=true"), "{}\n");
}
