//! A file becomes examples: read, template, mask, split, and at last batches of token ids.
//!
//! Plain vectors only; tensors are made by whoever trains. The tokenizer is known through [`Encode`] alone.

pub mod batch;
pub mod dataset;
pub mod encode;
pub mod layout;
pub mod mask;
pub mod order;
pub mod parquet;
pub mod parse;
pub mod read;
mod scan;
pub mod split;
pub mod stream;
pub mod template;
pub mod tokenizer;
pub mod view;

#[cfg(test)]
mod tests;

pub use batch::{Batch, IGNORE, batch, pack};
pub use dataset::{Dataset, Options, Source};
pub use encode::Encode;
pub use layout::{Layout, Row, Turn};
pub use mask::Example;
pub use order::{Cursor, Order};
pub use read::read_text;
pub use stream::Stream;
pub use template::Template;
pub use view::{length_histogram, spans};
