//! Speed of the ops on real shapes: a LoRA step on GPT-2 124M, a token of SmolLM2-135M, and the matrix products alone.
//!
//! `cargo bench --bench ops [lora|decode|product]`. The same LoRA step in PyTorch: `benches/ops.py`.
#![allow(clippy::unwrap_used, clippy::disallowed_macros)]

use std::sync::Arc;
use std::time::Instant;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor, Var};
use lantern::ops::{self, Grads, Graph, HeadWeight, Layout};
use lantern::optim::{AdamW, AdamWOptions, Gradients, clip, norm, norms};
use lantern::quant::Packed;
use lantern::random::Random;

fn main() {
    // Candle's own pool spins at its barriers, which costs a fifth of a step; the ops do not use it.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("CANDLE_NUM_THREADS", "1") };
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let run = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    let all: [(&str, fn()); 4] = [("product", product), ("decode", decode), ("lora", lora), ("parts", parts)];
    for (name, f) in all {
        if run(name) {
            // The backward pass recurses.
            if std::env::var_os("IN_POOL").is_some() {
                rayon::ThreadPoolBuilder::new().stack_size(256 << 20).build().unwrap().install(f);
            } else {
                std::thread::Builder::new().stack_size(256 << 20).spawn(f).unwrap().join().unwrap();
            }
        }
    }
}

fn normal(r: &mut Random, shape: &[usize], std: f64) -> Tensor {
    Tensor::from_vec(r.normals(shape.iter().product(), std), shape, &Device::Cpu).unwrap()
}

/// CPU seconds of this process, all threads.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.rsplit(") ").next().unwrap_or("").split(' ').map(|f| f.parse().unwrap_or(0.0)).collect();
    fields.get(11).zip(fields.get(12)).map_or(0.0, |(user, system)| (user + system) / 100.0)
}

/// The best wall seconds of `n` runs, and the mean CPU seconds.
fn time(n: usize, mut f: impl FnMut()) -> (f64, f64) {
    f();
    let (mut best, before) = (f64::INFINITY, cpu());
    for _ in 0..n {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
    }
    (best, (cpu() - before) / n as f64)
}

fn product() {
    let mut r = Random::seeded(1);
    for (m, k, n, layout) in [
        (512, 768, 2304, Layout::InOut),
        (512, 768, 3072, Layout::InOut),
        (512, 3072, 768, Layout::InOut),
        (512, 576, 1536, Layout::OutIn),
        (128, 768, 50257, Layout::OutIn),
    ] {
        let x = normal(&mut r, &[m, k], 0.3);
        let w = if layout == Layout::OutIn { normal(&mut r, &[n, k], 0.3) } else { normal(&mut r, &[k, n], 0.3) };
        let flops = 2.0 * (m * k * n) as f64 / 1e9;
        let (ours, ours_cpu) = time(8, || drop(ops::linear(&x, &w, None, layout).unwrap()));
        let (theirs, theirs_cpu) = time(8, || drop(ops::plain::linear(&x, &w, None, layout).unwrap()));
        println!(
            "product {m}x{k}x{n} {layout:?}: {:.0} GFLOP/s ({:.0} per CPU s); candle {:.0} ({:.0})",
            flops / ours,
            flops / ours_cpu,
            flops / theirs,
            flops / theirs_cpu
        );
    }
}

fn decode() {
    let mut r = Random::seeded(2);
    let pack = |r: &mut Random, out: usize, inner: usize, format| {
        Arc::new(Packed::from(QTensor::quantize(&normal(r, &[out, inner], 0.3), format).unwrap()))
    };
    let shapes = [(576, 576), (192, 576), (192, 576), (576, 576), (1536, 576), (1536, 576), (576, 1536)];
    for format in [GgmlDType::Q4_1] {
        let layers: Vec<_> = (0..30).flat_map(|_| shapes).map(|(out, inner)| (inner, pack(&mut r, out, inner, format))).collect();
        let head = pack(&mut r, 49152, 576, GgmlDType::Q8_0);
        for rows in [1, 4] {
            let (narrow, wide) = (normal(&mut r, &[rows, 576], 0.3), normal(&mut r, &[rows, 1536], 0.3));
            let body = time(10, || {
                for (inner, w) in &layers {
                    drop(ops::packed_linear(if *inner == 576 { &narrow } else { &wide }, w, None).unwrap());
                }
            });
            let last = time(10, || drop(ops::packed_linear(&narrow, &head, None).unwrap()));
            println!(
                "decode {format:?} x{rows}: layers {:.2} ms ({:.2} CPU), head Q8_0 {:.2} ms ({:.2} CPU): {:.0} tokens/s at most",
                body.0 * 1e3,
                body.1 * 1e3,
                last.0 * 1e3,
                last.1 * 1e3,
                rows as f64 / (body.0 + last.0)
            );
        }
    }
}

type Part<'a> = Box<dyn Fn() -> Tensor + 'a>;

/// Forward and forward + backward of single ops at the shapes of the LoRA step, in CPU milliseconds.
fn parts() {
    let mut r = Random::seeded(5);
    let var = |r: &mut Random, shape: &[usize]| Var::from_tensor(&normal(r, shape, 0.3)).unwrap().into_inner();
    let (x, wide, heads) = (var(&mut r, &[4, 128, 768]), var(&mut r, &[4, 128, 3072]), var(&mut r, &[4, 12, 128, 64]));
    let (w, b, w2, a) =
        (normal(&mut r, &[768], 0.3), normal(&mut r, &[768], 0.3), normal(&mut r, &[768, 2304], 0.3), var(&mut r, &[16, 768]));
    let (up, b2) = (var(&mut r, &[2304, 16]), normal(&mut r, &[2304], 0.3));
    let head = HeadWeight::Dense(normal(&mut r, &[50257, 768], 0.02));
    let targets: Vec<u32> = (0..512).map(|i| i * 7).collect();
    let flat = x.reshape((512, 768)).unwrap();
    let ops: Vec<(&str, Part)> = vec![
        ("layer_norm", Box::new(|| ops::layer_norm(&x, &w, &b, 1e-5).unwrap())),
        ("gelu", Box::new(|| ops::gelu_new(&wide).unwrap())),
        ("linear qkv", Box::new(|| ops::linear(&x, &w2, Some(&b2), Layout::InOut).unwrap())),
        ("low rank", Box::new(|| ops::low_rank(&x, &a, &up, 2.0).unwrap())),
        ("attention", Box::new(|| ops::attention(&heads, &heads, &heads, 0.125, None).unwrap())),
        ("residual", Box::new(|| (&x + &x).unwrap())),
        ("cross-entropy", Box::new(|| ops::cross_entropy(&flat, &head, &targets).unwrap())),
    ];
    for (name, f) in ops {
        let forward = time(10, || drop(f()));
        let both = time(10, || drop(f().sum_all().unwrap().backward().unwrap()));
        println!(
            "{name}: forward {:.1} ms CPU ({:.1} wall), with backward {:.1} ({:.1})",
            forward.1 * 1e3,
            forward.0 * 1e3,
            both.1 * 1e3,
            both.0 * 1e3
        );
    }
}

const WIDTH: usize = 768;
const HEADS: usize = 12;

struct Block {
    norms: [(Tensor, Tensor); 2],
    attn: (Tensor, Tensor),
    proj: (Tensor, Tensor),
    up: (Tensor, Tensor),
    down: (Tensor, Tensor),
    a: Var,
    b: Var,
}

fn block(r: &mut Random) -> Block {
    let mut conv = |inner: usize, out: usize| (normal(r, &[inner, out], 0.02), normal(r, &[out], 0.02));
    let (attn, proj, up, down) = (conv(WIDTH, 3 * WIDTH), conv(WIDTH, WIDTH), conv(WIDTH, 4 * WIDTH), conv(4 * WIDTH, WIDTH));
    let norm = |r: &mut Random| ((normal(r, &[WIDTH], 0.1) + 1.0).unwrap(), normal(r, &[WIDTH], 0.1));
    let var = |x: Tensor| Var::from_tensor(&x).unwrap();
    let (a, b) = (var(normal(r, &[16, WIDTH], 0.03)), var(normal(r, &[3 * WIDTH, 16], 0.03)));
    Block { norms: [norm(r), norm(r)], attn, proj, up, down, a, b }
}

fn forward(x: &Tensor, block: &Block) -> lantern::Result<Tensor> {
    let (b, t, c) = x.dims3()?;
    let conv = |x: &Tensor, w: &(Tensor, Tensor)| ops::linear(x, &w.0, Some(&w.1), Layout::InOut);
    let h = ops::layer_norm(x, &block.norms[0].0, &block.norms[0].1, 1e-5)?;
    let qkv = ops::add(&conv(&h, &block.attn)?, &ops::low_rank(&h, &block.a, &block.b, 2.0)?)?;
    let head = |x: &Tensor| ops::transpose(&ops::reshape(x, (b, t, HEADS, c / HEADS))?, 1, 2);
    let [q, k, v] = ops::split(&qkv, [c; 3])?;
    let y = ops::attention(&head(&q)?, &head(&k)?, &head(&v)?, (HEADS as f64 / c as f64).sqrt(), None)?;
    let x = ops::add(x, &conv(&ops::reshape(&ops::transpose(&y, 1, 2)?, (b, t, c))?, &block.proj)?)?;
    let h = ops::layer_norm(&x, &block.norms[1].0, &block.norms[1].1, 1e-5)?;
    ops::add(&x, &conv(&ops::gelu_new(&conv(&h, &block.up)?)?, &block.down)?)
}

fn lora() {
    let (mut r, b, t, vocabulary) = (Random::seeded(3), 4, 128, 50257);
    let blocks: Vec<Block> = (0..12).map(|_| block(&mut r)).collect();
    let table = normal(&mut r, &[vocabulary, WIDTH], 0.02);
    let positions = normal(&mut r, &[1, t, WIDTH], 0.02);
    let last = ((normal(&mut r, &[WIDTH], 0.1) + 1.0).unwrap(), normal(&mut r, &[WIDTH], 0.1));
    let named = |(i, b): (usize, &Block)| [(format!("h.{i}.lora_A.weight"), b.a.clone()), (format!("h.{i}.lora_B.weight"), b.b.clone())];
    let mut optimizer = AdamW::new(blocks.iter().enumerate().flat_map(named).collect(), AdamWOptions::default());
    let ids: Vec<u32> = (0..b * t).map(|_| r.below(vocabulary) as u32).collect();
    let mut step = || -> lantern::Result<(f32, [f64; 3])> {
        let start = Instant::now();
        let ids_tensor = Tensor::from_slice(&ids, (b, t), &Device::Cpu)?;
        let mut graph = Graph::default();
        let mut x = ops::embedding(&table, &ids_tensor)?.broadcast_add(&positions)?;
        for block in &blocks {
            x = graph.listen(|| forward(&x, block))?;
        }
        let x = graph.listen(|| Ok::<_, lantern::Error>(ops::reshape(&ops::layer_norm(&x, &last.0, &last.1, 1e-5)?, (b * t, WIDTH))?))?;
        let after_body = start.elapsed().as_secs_f64();
        let loss = graph.listen(|| ops::cross_entropy(&x, &HeadWeight::Dense(table.clone()), &ids))?;
        let after_loss = start.elapsed().as_secs_f64();
        let mut grads = Grads::default();
        graph.give(&mut grads, &loss, Tensor::new(1.0 / (b * t) as f32, &Device::Cpu)?)?;
        graph.backward(&mut grads)?;
        let mut gradients = Gradients::take(optimizer.parameters(), |var| grads.remove(var));
        let total = norm(&norms(&gradients)?);
        clip(&mut gradients, total, 1.0)?;
        optimizer.step(&gradients, 1e-4)?;
        Ok((loss.to_scalar::<f32>()? / (b * t) as f32, [after_body, after_loss - after_body, start.elapsed().as_secs_f64() - after_loss]))
    };
    let (mut parts, mut loss) = ([0.0; 3], 0.0);
    let (wall, cpu) = time(6, || (loss, parts) = step().unwrap());
    let tokens = (b * t) as f64;
    println!(
        "lora: {:.0} tokens/s best, {:.0} per CPU s; loss {loss:.4}; last step: body {:.2} s, loss {:.2} s, backward {:.2} s",
        tokens / wall,
        tokens / cpu,
        parts[0],
        parts[1],
        parts[2]
    );
}
