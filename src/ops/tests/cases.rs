//! The ops over shapes that are odd, single, batched and grouped.

use candle_core::{Tensor, Var};

use super::normal;
use crate::ops::{self, HeadDelta, HeadWeight, Layout, plain};
use crate::random::Random;

type Boxed = Box<dyn Fn(&[Tensor]) -> Tensor + Send + Sync>;

pub struct Case {
    pub name: String,
    pub operands: Vec<Tensor>,
    pub fused: Boxed,
    pub plain: Boxed,
}

fn case(
    name: String,
    operands: Vec<Tensor>,
    fused: impl Fn(&[Tensor]) -> Tensor + Send + Sync + 'static,
    plain: impl Fn(&[Tensor]) -> Tensor + Send + Sync + 'static,
) -> Case {
    Case { name, operands, fused: Box::new(fused), plain: Box::new(plain) }
}

pub fn all() -> Vec<Case> {
    let mut random = Random::seeded(1);
    [linears(&mut random), norms(&mut random), ropes(&mut random), attentions(&mut random), pointwise(&mut random), losses(&mut random)]
        .into_iter()
        .flatten()
        .collect()
}

fn linears(r: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (dims, inner, out) in [(vec![1], 37, 19), (vec![2, 3], 64, 50), (vec![2, 9], 70, 600), (vec![600], 33, 40), (vec![5, 1], 130, 7)] {
        let mut x = dims.clone();
        x.push(inner);
        let x = normal(r, &x, 0.3);
        let bias = normal(r, &[out], 0.3);
        for layout in [Layout::OutIn, Layout::InOut] {
            let w = if layout == Layout::OutIn { [out, inner] } else { [inner, out] };
            let name = format!("linear {dims:?} {inner} {out} {layout:?}");
            cases.push(case(
                name.clone(),
                vec![x.clone(), normal(r, &w, 0.3), bias.clone()],
                move |o| ops::linear(&o[0], &o[1], Some(&o[2]), layout).unwrap(),
                move |o| plain::linear(&o[0], &o[1], Some(&o[2]), layout).unwrap(),
            ));
            cases.push(case(
                format!("{name} without bias"),
                vec![x.clone(), normal(r, &w, 0.3)],
                move |o| ops::linear(&o[0], &o[1], None, layout).unwrap(),
                move |o| plain::linear(&o[0], &o[1], None, layout).unwrap(),
            ));
        }
        cases.push(case(
            format!("low rank {dims:?}"),
            vec![x.clone(), normal(r, &[5, inner], 0.3), normal(r, &[out, 5], 0.3)],
            |o| ops::low_rank(&o[0], &o[1], &o[2], 1.7).unwrap(),
            |o| plain::low_rank(&o[0], &o[1], &o[2], 1.7).unwrap(),
        ));
        let gain = (normal(r, &[inner], 0.3) + 1.0).unwrap();
        cases.push(case(
            format!("scale columns {dims:?}"),
            vec![x.clone(), gain.clone(), normal(r, &[inner], 0.3)],
            |o| ops::scale_columns(&o[0], &o[1], Some(&o[2])).unwrap(),
            |o| plain::scale_columns(&o[0], &o[1], Some(&o[2])).unwrap(),
        ));
        cases.push(case(
            format!("scale columns {dims:?} without bias"),
            vec![x.clone(), gain],
            |o| ops::scale_columns(&o[0], &o[1], None).unwrap(),
            |o| plain::scale_columns(&o[0], &o[1], None).unwrap(),
        ));
    }
    cases
}

fn norms(r: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in [vec![1, 1, 33], vec![3, 5, 48], vec![700, 65]] {
        let width = *shape.last().unwrap();
        let w = (normal(r, &[width], 0.3) + 1.0).unwrap();
        let x = (normal(r, &shape, 0.3) + 0.2).unwrap();
        cases.push(case(
            format!("rms norm {shape:?}"),
            vec![x.clone(), w.clone()],
            |o| ops::rms_norm(&o[0], &o[1], 0.03).unwrap(),
            |o| plain::rms_norm(&o[0], &o[1], 0.03).unwrap(),
        ));
        cases.push(case(
            format!("layer norm {shape:?}"),
            vec![x, w, normal(r, &[width], 0.3)],
            |o| ops::layer_norm(&o[0], &o[1], &o[2], 0.03).unwrap(),
            |o| plain::layer_norm(&o[0], &o[1], &o[2], 0.03).unwrap(),
        ));
    }
    cases
}

fn ropes(r: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (b, h, t, d, half, by_row) in [(1, 1, 1, 8, 4, false), (2, 3, 5, 16, 8, true), (2, 3, 7, 10, 3, false), (3, 2, 130, 34, 17, true)] {
        let table = if by_row { vec![b, t, half] } else { vec![t, half] };
        let angle = normal(r, &table, 2.0);
        let (cos, sin) = (angle.cos().unwrap(), angle.sin().unwrap());
        let tables = (cos.clone(), sin.clone());
        for seen in ["contiguous", "transposed"] {
            let x = if seen == "contiguous" { normal(r, &[b, h, t, d], 0.3) } else { normal(r, &[b, t, h, d], 0.3) };
            let view = move |x: &Tensor| if seen == "contiguous" { x.clone() } else { x.transpose(1, 2).unwrap() };
            let ((cos, sin), (cos2, sin2)) = (tables.clone(), tables.clone());
            cases.push(case(
                format!("rope {b} {h} {t} {d} {half} {seen}"),
                vec![x],
                move |o| ops::rope(&view(&o[0]), &cos, &sin).unwrap(),
                move |o| plain::rope(&view(&o[0]), &cos2, &sin2).unwrap(),
            ));
        }
    }
    cases
}

fn attentions(r: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (b, h, kv, t, s, d) in
        [(1, 1, 1, 1, 1, 8), (2, 4, 2, 1, 9, 16), (2, 6, 2, 2, 2, 10), (2, 3, 3, 7, 11, 17), (1, 4, 1, 150, 200, 24), (2, 2, 1, 65, 65, 32)]
    {
        for (transposed, window) in [(false, None), (true, None), (false, Some(1)), (true, Some(3)), (false, Some(70))] {
            let shape = |h: usize, t: usize| if transposed { [b, t, h, d] } else { [b, h, t, d] };
            let view = move |x: &Tensor| if transposed { x.transpose(1, 2).unwrap() } else { x.clone() };
            cases.push(case(
                format!("attention {b} {h}/{kv} {t}/{s} {d} {transposed} {window:?}"),
                vec![normal(r, &shape(h, t), 1.0), normal(r, &shape(kv, s), 1.0), normal(r, &shape(kv, s), 1.0)],
                move |o| ops::attention(&view(&o[0]), &view(&o[1]), &view(&o[2]), 0.37, window).unwrap(),
                move |o| plain::attention(&view(&o[0]), &view(&o[1]), &view(&o[2]), 0.37, window).unwrap(),
            ));
        }
    }
    cases
}

fn pointwise(r: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, std) in [(vec![3], 0.3), (vec![5, 7], 3.0), (vec![2, 3, 6001], 1.0)] {
        let x = normal(r, &shape, std);
        cases.push(case(
            format!("gelu_new {shape:?}"),
            vec![x.clone()],
            |o| ops::gelu_new(&o[0]).unwrap(),
            |o| plain::gelu_new(&o[0]).unwrap(),
        ));
        cases.push(case(
            format!("gelu_erf {shape:?}"),
            vec![x.clone()],
            |o| ops::gelu_erf(&o[0]).unwrap(),
            |o| plain::gelu_erf(&o[0]).unwrap(),
        ));
        cases.push(case(
            format!("swiglu {shape:?}"),
            vec![x, normal(r, &shape, std)],
            |o| ops::swiglu(&o[0], &o[1]).unwrap(),
            |o| plain::swiglu(&o[0], &o[1]).unwrap(),
        ));
        cases.push(case(
            format!("dropout {shape:?}"),
            vec![normal(r, &shape, std)],
            |o| ops::dropout(&o[0], 0.3, 5).unwrap(),
            |o| {
                let ones = o[0].ones_like().unwrap();
                (&o[0] * ops::dropout(&ones, 0.3, 5).unwrap()).unwrap()
            },
        ));
    }
    cases
}

fn losses(r: &mut Random) -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, c, v, smoothing) in [(1, 12, 17, 0.0), (5, 33, 700, 0.0), (1100, 24, 70, 0.0), (9, 20, 130, 0.1)] {
        let targets: Vec<u32> = (0..n).map(|_| r.below(v) as u32).collect();
        let operands = vec![normal(r, &[n, c], 1.0), normal(r, &[v, c], 0.3)];
        let again = targets.clone();
        cases.push(case(
            format!("cross-entropy {n} {c} {v} {smoothing}"),
            operands,
            move |o| ops::smoothed_cross_entropy(&o[0], &HeadWeight::Dense(o[1].clone()), &targets, smoothing).unwrap(),
            move |o| {
                let targets = Tensor::new(&again[..], o[0].device()).unwrap();
                plain::token_losses(&o[0], &o[1], &targets, smoothing).unwrap().sum_all().unwrap()
            },
        ));
    }
    for (n, c, v, form) in [(5, 12, 700, 0), (5, 33, 70, 1), (1100, 24, 70, 1), (7, 24, 700, 2), (1100, 12, 70, 2)] {
        let head = HeadWeight::Dense(normal(r, &[v, c], 0.3));
        let targets: Vec<u32> = (0..n).map(|_| r.below(v) as u32).collect();
        let operands =
            [normal(r, &[n, c], 1.0), normal(r, &[n, 3], 0.5), normal(r, &[v, 3], 0.3), normal(r, &[v], 1.0), normal(r, &[n, c], 1.0)];
        let used = [3, 4, 5][form];
        let delta =
            move |o: &[Tensor]| HeadDelta { low: o[1].clone(), b: o[2].clone(), gain: o.get(3).cloned(), dropped: o.get(4).cloned() };
        let (again, dense) = (targets.clone(), head.clone());
        cases.push(case(
            format!("adapted cross-entropy {n} {c} {v} {form}"),
            operands[..used].to_vec(),
            move |o| ops::adapted_cross_entropy(&o[0], &head, &delta(o), &targets, 0.1).unwrap(),
            move |o| {
                let HeadWeight::Dense(head) = &dense else { panic!("dense") };
                plain::adapted_losses(&o[0], head, &delta(o), &again, 0.1).unwrap().sum_all().unwrap()
            },
        ));
    }
    cases
}

#[test]
fn a_frozen_weight_gets_no_gradient() {
    let mut r = Random::seeded(3);
    let x = Var::from_tensor(&normal(&mut r, &[9, 12], 0.3)).unwrap();
    let w = normal(&mut r, &[20, 12], 0.3);
    let y = ops::linear(&x, &w, None, Layout::OutIn).unwrap();
    let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    assert!(grads.get(&w).is_none() && grads.get(&x).is_some());
}
