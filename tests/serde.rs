//! Values written with the feature `serde` are read back equal.

use lowbit::calibrate::outliers::Outliers;
use lowbit::calibrate::smooth::Smooth;
use lowbit::kv::{KvOptions, KvRotation, KvType, Side};
use lowbit::quantize::awq::{Awq, Clip};
use lowbit::quantize::binary::Binary;
use lowbit::quantize::gptq::{Gptq, GroupScales, Search};
use lowbit::quantize::hqq::{Hqq, Solver};
use lowbit::quantize::ternary::{Rule, Ternary};
use lowbit::quantize::vector::{Aqlm, KMeans, Residual};
use lowbit::train::distill::Distill;
use lowbit::train::gradual::{BitSchedule, Blend};
use lowbit::train::lsq::{CodeRange, Lsq};
use lowbit::train::pact::Pact;
use lowbit::{Format, Group, InputScale, OutputScale, Precision, ScaleType};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// The JSON of a value; asserts that it reads back equal.
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

/// The types that describe products, devices and decisions.
#[cfg(feature = "gpu")]
#[test]
fn values_of_devices_come_back() {
    use lowbit::{Decisions, DeviceClass, Epilogue, Experts, FloatType, GpuOptions};
    assert_eq!(round_trip(Epilogue::SiluGate), "\"SiluGate\"");
    round_trip(vec![FloatType::F32, FloatType::F16]);
    round_trip(vec![DeviceClass::Cpu, DeviceClass::Gpu]);
    round_trip(GpuOptions::default().with_cooperative_matrix(true));
    round_trip(Experts::new(64, 8).with_shared_inputs(false).with_grouped(Some(true)));
    // FNV-1a of the lines before it, as `Decisions` writes it.
    let lines = "lowbit decisions 2\na device\nq4_0 64 96 8 i8 gemm\n";
    let sum = lines.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let text = format!("{lines}checksum {sum:016x}\n");
    let decisions: Decisions = text.parse().unwrap();
    assert_eq!(decisions.to_string(), text);
    round_trip(decisions);
    let cut = serde_json::to_string(&text[..text.len() - 9]).unwrap();
    assert!(serde_json::from_str::<Decisions>(&cut).is_err());
}

/// Options of methods, with values other than their defaults.
#[test]
fn options_come_back() {
    let gptq = Gptq::default().with_act_order(true).with_groups(GroupScales::Static);
    round_trip(gptq.with_search(Some(Search::default().with_grid(7))));
    round_trip(Hqq::default().with_solver(Solver::V2).with_kappa(1.5));
    round_trip(Awq::default().with_clip(Some(Clip::default().with_tokens(3))));
    round_trip(Aqlm::default().with_seed(9));
    round_trip(Residual::new(3, KMeans::new(16, 4)));
    round_trip(Binary::new(Group::Row));
    round_trip(Ternary::new(Group::Len(32), Rule::Twn));
    round_trip(Smooth::default().with_alpha(0.75));
    round_trip(Outliers::default().with_threshold(5.0));
    round_trip(Lsq::new(64, Group::Tensor, CodeRange::ternary()));
    round_trip(Pact::default().with_bits(3));
    round_trip(Distill::default().with_t(2.0));
    round_trip(Blend::cubic(1, 5));
    round_trip(BitSchedule::new(vec![8, 4], 10));
    let kivi = KvType::Kivi {
        bits: 2,
        group: 32,
        residual: 128,
        side: Side::Values,
    };
    round_trip(KvOptions::new(kivi, 64).with_rotation(KvRotation::Haar));
}
