//! placeholder
pub mod number {
    pub fn bytes(n: u64) -> String {
        format!("{n} B")
    }
}
