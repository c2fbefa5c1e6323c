//! Gradients along the notes against candle's own, where ours and candle's operations alternate.

use candle_core::{Tensor, Var};

use super::super::{Grads, Graph, Layout, add, aside, linear, reshape, rms_norm, rows, split, transpose};
use super::{distance, normal};
use crate::random::Random;

/// Ours and candle's in turn; `x` and the sums are used more than once, one part of the split goes nowhere.
fn mixed(vars: &[Var]) -> Tensor {
    let [x, w, norm, table] = vars else { panic!("four") };
    let y = rms_norm(&linear(x, w, None, Layout::OutIn).unwrap(), norm, 1e-5).unwrap(); // (6, 12)
    let [a, b, _] = split(&y, [4, 4, 4]).unwrap();
    let taken = rows(table, &[2, 0, 2, 1, 2, 0]).unwrap(); // (6, 4)
    let sum = add(&(a * &b).unwrap(), &add(&taken, &b).unwrap()).unwrap();
    let turned = transpose(&reshape(&sum, (2, 3, 4)).unwrap(), 1, 2).unwrap(); // (2, 4, 3)
    let joined = Tensor::cat(&[&turned, &aside(|| turned.tanh()).unwrap()], 1).unwrap(); // (2, 8, 3)
    let back = reshape(&joined.contiguous().unwrap(), (6, 8)).unwrap().narrow(1, 1, 4).unwrap();
    linear(&add(&back, &sum).unwrap(), &x.narrow(1, 0, 4).unwrap(), None, Layout::OutIn).unwrap()
}

#[test]
fn notes_and_candle_together_give_candles_gradients() {
    let mut r = Random::seeded(8);
    let vars = [&[6, 5][..], &[12, 5], &[12], &[3, 4]].map(|shape| Var::from_tensor(&normal(&mut r, shape, 0.7)).unwrap());
    let weights = normal(&mut r, &[6, 6], 1.0);
    let (mut graph, mut grads) = (Graph::default(), Grads::default());
    let y = graph.listen(|| mixed(&vars));
    graph.give(&mut grads, &y, weights.clone()).unwrap();
    graph.backward(&mut grads).unwrap();
    let z = mixed(&vars);
    assert_eq!(super::values(&y), super::values(&z));
    let candles = (&z * weights).unwrap().sum_all().unwrap().backward().unwrap();
    for (i, var) in vars.iter().enumerate() {
        let ours = grads.remove(var).expect("every operand has a gradient");
        assert!(distance(&ours, candles.get(var).unwrap()) < 1e-6, "operand {i}");
    }
    assert!(grads.asked > 0, "there are candle's operations on the way");
    assert!(candles.get(&z).is_none() && !z.is_variable(), "outside of a graph candle's own is used");
}

#[test]
fn a_graph_listens_only_to_its_own_and_a_panic_ends_it() {
    let x = Var::from_tensor(&normal(&mut Random::seeded(1), &[2, 3], 1.0)).unwrap();
    let (mut outer, mut inner) = (Graph::default(), Graph::default());
    let (a, b) = outer.listen(|| (add(&x, &x).unwrap(), inner.listen(|| add(&x, &x).unwrap())));
    let gradient = |graph: Graph, y: &Tensor| {
        let mut grads = Grads::default();
        graph.give(&mut grads, y, y.ones_like().unwrap()).unwrap();
        graph.backward(&mut grads).unwrap();
        grads.remove(&x)
    };
    assert_eq!(super::values(&gradient(outer, &a).unwrap()), [2.0; 6]);
    assert_eq!(super::values(&gradient(inner, &b).unwrap()), [2.0; 6]);
    assert!(gradient(Graph::default(), &a).is_none(), "noted by another");
    let caught = std::panic::catch_unwind(|| Graph::default().listen(|| panic!("on the way")));
    assert!(caught.is_err());
    assert!(!add(&x, &x).unwrap().is_variable(), "nobody listens any more");
}
