//! What the feature `serde` writes is read back as the same value.

use lowbit::{Format, Group, InputScale, OutputScale, Precision, ScaleType};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// The JSON of a value that comes back from it.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) -> String {
    let json = serde_json::to_string(&value).unwrap();
    let back: T = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
    assert_eq!(back, value, "{json}");
    json
}

/// Every format, with every type of scale and every kind of group that it can have.
#[test]
fn formats_are_their_names() {
    for &format in Format::ALL {
        let scaled = format
            .scale_types()
            .into_iter()
            .filter_map(|scale| format.with_scale(scale).ok());
        for format in scaled.chain([format]) {
            let groups = [Group::Row, Group::Len(24)].into_iter();
            for format in groups.filter_map(|group| format.with_group(group).ok()).chain([format]) {
                assert_eq!(round_trip(format), format!("\"{format}\""));
            }
        }
    }
    let unknown = serde_json::from_str::<Format>("\"q9_9\"").unwrap_err().to_string();
    assert!(unknown.contains("q9_9") && unknown.contains("q4_k"), "{unknown}");
    assert!(serde_json::from_str::<Format>("\"q4_0_g64\"").is_err());
    assert!(serde_json::from_str::<Format>("4").is_err());
}

#[test]
fn small_values_come_back() {
    for scale in [
        ScaleType::F16,
        ScaleType::BF16,
        ScaleType::F32,
        ScaleType::E8M0,
        ScaleType::E4M3,
    ] {
        round_trip(scale);
    }
    for precision in [Precision::F32, Precision::F16, Precision::I8] {
        assert_eq!(round_trip(precision), format!("\"{precision}\""));
    }
    let fixed = InputScale::Static {
        scale: 0.1,
        zero_point: -3,
    };
    for scale in [InputScale::Run, InputScale::Token, fixed] {
        round_trip(scale);
    }
    for scale in [OutputScale::Multiply(0.3), OutputScale::Divide(7.0)] {
        round_trip(scale);
    }
    for group in [Group::Tensor, Group::Row, Group::Len(128)] {
        round_trip(group);
    }
}
