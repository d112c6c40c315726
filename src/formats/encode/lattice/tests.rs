use super::*;

type Encoder = fn(&[f32], Option<&[f32]>, &mut [u8]) -> Result<(), QuantizeError>;

const ENCODERS: [(&str, usize, Encoder); 7] = [
    ("iq1_s", 50, iq1_s),
    ("iq1_m", 56, iq1_m),
    ("iq2_xxs", 66, iq2_xxs),
    ("iq2_xs", 74, iq2_xs),
    ("iq2_s", 82, iq2_s),
    ("iq3_xxs", 98, iq3_xxs),
    ("iq3_s", 110, iq3_s),
];

/// Weights that are not random, but look it.
fn weights(seed: u32) -> [f32; 256] {
    let mut state = seed;
    std::array::from_fn(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    })
}

/// The bytes, which held something else before.
fn encode(encoder: Encoder, bytes: usize, x: &[f32], importance: Option<&[f32]>) -> Option<Vec<u8>> {
    let mut block = vec![0xaa; bytes];
    encoder(x, importance, &mut block).ok().map(|()| block)
}

#[test]
fn zeros_are_zero_bytes() {
    for (name, bytes, encoder) in ENCODERS {
        for zero in [0.0, -0.0] {
            for importance in [None, Some(&[1.0; 256][..]), Some(&[0.0; 256])] {
                let block = encode(encoder, bytes, &[zero; 256], importance);
                assert_eq!(block, Some(vec![0; bytes]), "{name}");
            }
        }
    }
}

/// Whatever is finite is encoded or refused, and its scale is a number.
#[test]
fn any_finite_weights() {
    let d = |name: &str, block: &[u8]| match name {
        "iq1_m" => {
            let top = |i: usize| u16::from(block[49 + 2 * i] >> 4) << (4 * i);
            half::f16::from_bits(top(0) | top(1) | top(2) | top(3))
        }
        _ => half::f16::from_le_bytes([block[0], block[1]]),
    };
    for (name, bytes, encoder) in ENCODERS {
        for exponent in (-149..128).step_by(3) {
            let scale = 2f32.powi(exponent);
            let mut x = weights(exponent as u32).map(|x| x * scale);
            for importance in [0.0, f32::from_bits(1), 1e-20, 1.0, 1e15, f32::MAX] {
                let importance = weights(7).map(|x| x.abs() * importance);
                for importance in [None, Some(&importance[..])] {
                    if let Some(block) = encode(encoder, bytes, &x, importance) {
                        assert!(d(name, &block).is_finite(), "{name}, 2^{exponent}");
                    }
                }
            }
            x[100] = 1e8;
            if let Some(block) = encode(encoder, bytes, &x, None) {
                assert!(d(name, &block).is_finite(), "{name}, 2^{exponent} and 1e8");
            }
        }
        assert!(encode(encoder, bytes, &[1e30; 256], None).is_none(), "{name}");
    }
}

/// What follows 32 zeros lies where it would without them, which cannot be said of ggml.
#[test]
fn iq3_s_with_a_group_of_zeros() {
    let x = weights(3);
    let mut with_zeros = x;
    with_zeros[32..64].fill(0.0);
    let [x, zeros] = [x, with_zeros].map(|x| encode(iq3_s, 110, &x, None).unwrap());
    assert_eq!(x[10..18].iter().filter(|&&b| b != 0).count(), 8);
    for group in (0..8).filter(|&g| g != 1) {
        let places = [2 + 8 * group..10 + 8 * group, 74 + 4 * group..78 + 4 * group];
        for place in places {
            assert_eq!(x[place.clone()], zeros[place], "group {group}");
        }
        assert_eq!(x[66 + group], zeros[66 + group]);
    }
}
