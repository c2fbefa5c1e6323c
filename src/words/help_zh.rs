//! Chinese help of magics and their options; English is the doc comments themselves.
