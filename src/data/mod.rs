//! A file becomes examples: read, template, mask, split, and at last batches of token ids.
//!
//! Plain vectors only; tensors are made by whoever trains. The tokenizer is known through [`Encode`] alone.

mod array;
pub mod batch;
mod columns;
pub mod dataset;
pub mod encode;
pub mod layout;
mod levels;
pub mod mask;
pub mod order;
mod pages;
pub mod parquet;
pub mod parse;
mod part;
pub mod read;
mod scan;
pub mod split;
pub mod stream;
mod streamed;
pub mod template;
pub mod tokenizer;
pub mod view;
pub mod weigh;
mod window;

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
