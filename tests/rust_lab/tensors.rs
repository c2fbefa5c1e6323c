//! Tensors of `lab` in a crate that has candle, as a cell has it after `:dep candle-core`.

#[test]
fn tensors_go_to_candle_and_back() {
    let ours = lab::Tensor::new(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.5]);
    let theirs = lab::candle!(ours).unwrap();
    assert_eq!((theirs.dims(), theirs.dtype()), (&[2, 3][..], candle_core::DType::F32));
    assert_eq!(lab::from_candle!(theirs).unwrap(), ours);
    // A view that lies otherwise in memory, and another type.
    let turned = theirs.t().unwrap().to_dtype(candle_core::DType::BF16).unwrap();
    assert_eq!(lab::from_candle!(turned).unwrap(), ours.transpose());
}
