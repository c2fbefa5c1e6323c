//! Scales in eight bits: bitsandbytes' dynamic map, whose exponent takes as many bits as the number needs (arXiv 1511.04561), for double
//! quantisation.

/// Scales that share a scale of theirs.
pub const BLOCK: usize = 256;

/// Scales less their mean, as codes of the dynamic map, and one scale for [`BLOCK`] of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Nested {
    pub codes: Vec<u8>,
    pub scales: Vec<f32>,
    pub offset: f32,
    pub map: Box<[f32; 256]>,
}

impl Nested {
    /// The offset is the mean, exactly rounded; torch adds in an order of its own, so its last bit may differ.
    pub fn pack(scales: &[f32]) -> Self {
        let sum: f64 = scales.iter().map(|x| f64::from(*x)).sum();
        Self::around(scales, (sum / scales.len().max(1) as f64) as f32)
    }

    /// The same around an offset that is given.
    pub fn around(scales: &[f32], offset: f32) -> Self {
        let map = dynamic_map();
        let nearest = nearest(&map);
        let mut codes = Vec::with_capacity(scales.len());
        let mut outer = Vec::with_capacity(scales.len().div_ceil(BLOCK));
        for block in scales.chunks(BLOCK) {
            let largest = block.iter().fold(0.0_f32, |most, x| most.max((x - offset).abs()));
            let inverse = 1.0 / largest;
            // A block of zeros takes code 0, and it does not matter: its scale is 0.
            let code = |x: &f32| if largest == 0.0 { 0 } else { nearest[place((x - offset) * inverse)] };
            codes.extend(block.iter().map(code));
            outer.push(largest);
        }
        Self { codes, scales: outer, offset, map }
    }

    #[inline(always)]
    pub fn get(&self, block: usize) -> f32 {
        self.map[usize::from(self.codes[block])] * self.scales[block / BLOCK] + self.offset
    }
}

/// bitsandbytes' `create_dynamic_map()`: signed, seven exponent bits at most.
pub fn dynamic_map() -> Box<[f32; 256]> {
    let mut values = vec![0.0, 1.0];
    for i in 0..7 {
        let borders = spaced(0.1, 1.0, (1 << i) + 1);
        let power = 10_f64.powi(i - 6) as f32;
        for pair in borders.windows(2) {
            let middle = power * ((pair[0] + pair[1]) / 2.0);
            values.extend([middle, -middle]);
        }
    }
    values.sort_by(f32::total_cmp);
    let mut map = Box::new([0.0; 256]);
    map.copy_from_slice(&values);
    map
}

/// torch's `linspace` in f32: from both ends to the middle, each product rounded with its sum.
fn spaced(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = (end - start) / (count - 1) as f32;
    let value = |i: usize| {
        if i < count / 2 { step.mul_add(i as f32, start) } else { (-step).mul_add((count - 1 - i) as f32, end) }
    };
    (0..count).map(value).collect()
}

/// Places of a table that bitsandbytes looks a number of -1..1 up in, on the CPU: it rounds the number to one of 65,536 first.
fn place(x: f32) -> usize {
    ((x.clamp(-1.0, 1.0) + 1.0) * 32767.5 + 0.5) as usize
}

/// The nearest code for each of these places; from the very middle the lower.
fn nearest(map: &[f32; 256]) -> Vec<u8> {
    let code = |i: usize| {
        let x = i as f32 / 32767.5 - 1.0;
        let right = map.partition_point(|code| *code < x).clamp(1, 255);
        if (map[right] - x).abs() < (x - map[right - 1]).abs() { right as u8 } else { (right - 1) as u8 }
    };
    (0..65536).map(code).collect()
}
