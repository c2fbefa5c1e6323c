//! To and from crates that a cell takes with `:dep`. They are macros, written out where the crate is: `lab` itself depends on none, so that
//! its cells compile without a network (even a dependency that is optional would have to be looked up).

use crate::{Error, Result, Svg};

/// A tensor as an `ndarray::ArrayD<f32>`, for cells with `:dep ndarray`.
///
/// ```text
/// :dep ndarray = "0.16"
/// let attn = lab::ndarray!(lab::attention("The cat sat", 0)?);
/// attn.sum_axis(ndarray::Axis(2))
/// ```
#[macro_export]
macro_rules! ndarray {
    ($tensor:expr) => {{
        let tensor: &$crate::Tensor = &$tensor;
        ::ndarray::ArrayD::<f32>::from_shape_vec(::ndarray::IxDyn(tensor.shape()), tensor.data().to_vec())
            .expect("a tensor has the numbers of its shape")
    }};
}

/// An `ndarray` of f32 as a [`Tensor`](crate::Tensor).
#[macro_export]
macro_rules! from_ndarray {
    ($array:expr) => {{
        let array = &$array;
        $crate::Tensor::new(array.shape(), array.iter().copied().collect())
    }};
}

/// A tensor as candle's `Result<Tensor>` on the CPU, for cells with `:dep candle-core`: `let t = lab::candle!(logits)?;`
#[macro_export]
macro_rules! candle {
    ($tensor:expr) => {{
        let tensor: &$crate::Tensor = &$tensor;
        ::candle_core::Tensor::from_slice(tensor.data(), tensor.shape(), &::candle_core::Device::Cpu)
    }};
}

/// A tensor of candle, of any float type and device, as candle's `Result` of a [`Tensor`](crate::Tensor).
#[macro_export]
macro_rules! from_candle {
    ($tensor:expr) => {{
        let tensor = &$tensor;
        tensor
            .flatten_all()
            .and_then(|flat| flat.to_dtype(::candle_core::DType::F32)?.to_vec1::<f32>())
            .map(|data| $crate::Tensor::new(tensor.dims(), data))
    }};
}

/// Draws with plotters and shows the drawing under the cell, at once; with an id first, in the place of the last one of that id. `root` is
/// plotters' drawing area of that many pixels, and `?` in the block works on plotters' errors.
///
/// ```text
/// :dep plotters = { version = "0.3", default-features = false, features = ["svg_backend", "all_series", "all_elements"] }
/// use plotters::prelude::*;
/// lab::plot!((480, 320), |root| {
///     root.fill(&WHITE)?;
///     let mut chart = ChartBuilder::on(&root).margin(10).x_label_area_size(20).y_label_area_size(30).build_cartesian_2d(0.0..6.3, -1.0..1.0)?;
///     chart.configure_mesh().draw()?;
///     chart.draw_series(LineSeries::new((0..=63).map(|i| i as f64 / 10.0).map(|x| (x, x.sin())), &BLUE))?;
/// })?;
/// ```
#[macro_export]
macro_rules! plot {
    ($size:expr, |$root:ident| $body:block) => {
        $crate::drawing!($size, |$root| $body).and_then(|svg| $crate::show(&svg))
    };
    ($id:expr, $size:expr, |$root:ident| $body:block) => {
        $crate::drawing!($size, |$root| $body).and_then(|svg| $crate::show_as($id, &svg))
    };
}

/// The picture of [`plot!`](crate::plot), not shown: a [`Result`] of an [`Svg`].
#[macro_export]
macro_rules! drawing {
    ($size:expr, |$root:ident| $body:block) => {{
        let mut svg = ::std::string::String::new();
        let drawn = (|| -> ::std::result::Result<(), ::std::boxed::Box<dyn ::std::error::Error>> {
            let backend = ::plotters::prelude::SVGBackend::with_string(&mut svg, $size);
            let $root = ::plotters::prelude::IntoDrawingArea::into_drawing_area(backend);
            let () = $body;
            $root.present()?;
            ::std::result::Result::Ok(())
        })();
        $crate::drawn(drawn, svg)
    }};
}

/// What [`drawing!`](crate::drawing) ends with.
#[doc(hidden)]
pub fn drawn(result: std::result::Result<(), Box<dyn std::error::Error>>, svg: String) -> Result<Svg> {
    result.map(|()| Svg(svg)).map_err(|cause| Error::new("Plot", format!("plotters: {cause}")))
}
