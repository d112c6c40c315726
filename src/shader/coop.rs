//! The numbers of the kernels for matrix units.

use super::traits::{DeviceClass, Traits};
use super::tuning::{LEVELS_BYTES, Tuning};
use crate::family::PART;

/// Halves from one row of a tile to the next: a part and 8 more.
const STRIDE: u32 = PART as u32 + 8;

/// Matrices of `side` by `side`. Untuned: no card was at hand; peers found tiles of 128 x 128 best on NVIDIA, 64 x 64
/// on Apple and Intel.
pub(crate) fn gemm_coop(traits: &Traits, side: u32, m: usize) -> Tuning {
    let of = |tile: u32| {
        // Twice as many lanes as rows: one half decodes weights while the other fetches x.
        let workgroup = 2 * tile;
        // A workgroup must be a whole number of subgroups, or sums are wrong.
        let lanes = traits.subgroup.1.next_power_of_two().min(workgroup);
        let subgroups = (workgroup / lanes).min((tile / side) * (tile / side));
        // Each subgroup owns as square a part of the tile as possible.
        let (mut n, mut m, mut along_n) = (tile / side, tile / side, 1);
        for _ in 0..subgroups.ilog2() {
            if m >= n {
                m /= 2;
            } else {
                (n, along_n) = (n / 2, along_n * 2);
            }
        }
        let memory = 2 * tile * STRIDE * 2 + subgroups * side * side * 4;
        Tuning {
            workgroup,
            tile_n: tile,
            tile_m: tile,
            memory,
            consts: vec![
                ("MATRIX", side),
                ("STRIDE", STRIDE),
                ("SUBGROUPS", subgroups),
                ("SUBGROUP_N", n),
                ("SUBGROUP_M", m),
                ("SUBGROUPS_N", along_n),
            ],
            ..Tuning::default()
        }
        .with_tables(traits, LEVELS_BYTES)
    };
    let wide = of(128);
    match traits.class {
        // Half the time of 64 on lavapipe, and a third of the time to compile.
        DeviceClass::Cpu => of(32),
        DeviceClass::Gpu if side == 16 && m > 64 && wide.memory <= traits.memory => wide,
        DeviceClass::Gpu => of(64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Caps;

    /// Whatever a device's subgroups: they cover a tile of matrices once, and fit in the workgroup.
    #[test]
    fn subgroups_share_a_tile_of_matrices() {
        for class in [DeviceClass::Cpu, DeviceClass::Gpu] {
            for (lanes, memory, m) in [4, 8, 16, 32, 64, 128]
                .into_iter()
                .flat_map(|l| [(l, 16 << 10, 64), (l, 16 << 10, 65), (l, 32 << 10, 65)])
            {
                let mut traits = Traits::typical(class, Caps::ALL);
                (traits.subgroup, traits.memory) = ((lanes, lanes), memory);
                for side in [8, 16] {
                    let t = gemm_coop(&traits, side, m);
                    let of = |name| t.consts.iter().find(|(n, _)| *n == name).unwrap().1;
                    let (subgroups, along_n) = (of("SUBGROUPS"), of("SUBGROUPS_N"));
                    let at = format!("{class:?}, {lanes} lanes, {memory} bytes, m = {m}: {t:?}");
                    assert_eq!(along_n * of("SUBGROUP_N") * side, t.tile_n, "{at}");
                    let tile_m = subgroups / along_n * of("SUBGROUP_M") * side;
                    assert_eq!(tile_m, t.tile_m, "{at}");
                    assert!(t.workgroup.is_multiple_of(lanes.min(t.workgroup)), "{at}");
                    assert!(subgroups * lanes.min(t.workgroup) <= t.workgroup, "{at}");
                    let wide = t.tile_n == 128;
                    assert!(!wide || t.memory <= memory && side == 16 && m > 64, "{at}");
                }
            }
        }
    }
}
