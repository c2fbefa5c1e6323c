//! Backward against central differences.

use super::{assert_slopes, cases};

#[test]
fn every_gradient_equals_the_slope() {
    for case in cases::all() {
        if case.operands[0].elem_count() < 5000 {
            assert_slopes(&case.name, &case.operands, &*case.fused);
        }
    }
}
