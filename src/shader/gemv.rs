//! The numbers of the kernels for few rows of x, whose lanes share rows of W.

use super::traits::{DeviceClass, Traits};
use super::tuning::{INTERLEAVE, Tuning, lane_m_of};

/// The most rows of x that a lane of a card owns: with two rows of W and 12 of x no format spills on NVK or RADV, with 16
/// Q4_0 does (`benches/isa`, Mesa 26.2, 2026-11-26).
const CARD_LANE_M: usize = 12;

/// The most bytes of tables in workgroup memory: the largest lattice. Each of 128 lanes fills 64 bytes of it once, for the
/// 2048 weights that it decodes where k is 4096 and subgroups have 32 lanes.
const TABLES: u32 = 8 << 10;

/// Rows of x that a lane owns, of m. On a card, tiles of x are as even as they can be: one row more then costs no second
/// tile that is nearly empty.
fn lane_m(traits: &Traits, m: usize) -> u32 {
    let m = m.max(1);
    match traits.class {
        DeviceClass::Cpu => lane_m_of(m),
        DeviceClass::Gpu => m.div_ceil(m.div_ceil(CARD_LANE_M)) as u32,
    }
}

pub(super) fn plain(traits: &Traits, m: usize) -> Tuning {
    let lane_m = lane_m(traits, m);
    tuning(traits, 16, lane_n(traits, lane_m), lane_m, 4)
}

/// Octets of one subgroup share rows, so that adding up their sums needs no workgroup memory.
pub(super) fn subgroup(traits: &Traits, m: usize) -> Tuning {
    let lane_m = lane_m(traits, m);
    tuning(traits, lanes_k(traits), lane_n(traits, lane_m), lane_m, 0)
}

/// Rows of W in a lane: two take half the reads of x that one takes. Instructions a weight of Q4_0 at m = 8 with one, two:
/// NVK 22.6, 17.8, RADV 15.1, 13.3; predicted share of the bandwidth 0.70, 1.28 on a 4090, 0.26, 0.52 on a 7900 XTX. Four
/// spill on NVK (Mesa 26.2, 2026-11-26). Processors get these kernels only by name: tests/gpu_matmul.rs takes 225 s with two rows, 104 with
/// one (lavapipe 22.3, cold).
fn lane_n(traits: &Traits, lane_m: u32) -> u32 {
    match traits.class {
        DeviceClass::Cpu if lane_m > 4 => 1,
        _ => 2,
    }
}

/// `bytes` of workgroup memory for each sum of a lane.
fn tuning(traits: &Traits, lanes_k: u32, lane_n: u32, lane_m: u32, bytes: u32) -> Tuning {
    let workgroup = 128;
    let memory = workgroup * lane_n * lane_m * bytes;
    let octets = workgroup / (INTERLEAVE as u32 * lanes_k);
    Tuning {
        workgroup,
        tile_n: octets * INTERLEAVE as u32 * lane_n,
        tile_m: lane_m,
        memory,
        lane: Some((lane_n, lane_m)),
        consts: vec![("LANES_K", lanes_k)],
        ..Tuning::default()
    }
    .with_tables(traits, TABLES)
}

/// Two rows of W, so that the sums of 12 rows of x fit 16 KiB.
pub(super) fn dp4a(traits: &Traits, m: usize) -> Tuning {
    tuning(traits, 16, 2, lane_m(traits, m), 4)
}

pub(super) fn dp4a_subgroup(traits: &Traits, m: usize) -> Tuning {
    let lane_m = lane_m(traits, m);
    tuning(traits, lanes_k(traits), dp4a_lane_n(lane_m), lane_m, 0)
}

/// Rows of W in a lane. Instructions a weight of Q4_0 at m = 8 with two, four: NVK 8.0, 6.4, RADV 5.8, 4.7; predicted
/// share of the bandwidth of a 7900 XTX 1.41, 1.99; no format spills (Mesa 26.2, 2026-11-26).
fn dp4a_lane_n(lane_m: u32) -> u32 {
    if lane_m <= 4 { 2 } else { 4 }
}

/// Fields of one or two bits leave registers for twice the rows. TQ2_0 on lavapipe 26.2, m = 1, GFLOP/s a CPU second: 8.2
/// where the general row makes 4.8, by subgroups 16.0 and 11.7 (2026-11-21).
pub(super) fn dp4a_2bit(traits: &Traits, m: usize) -> Tuning {
    let lane_m = lane_m(traits, m);
    tuning(traits, 16, if lane_m <= 4 { 4 } else { 2 }, lane_m, 4)
}

pub(super) fn dp4a_2bit_subgroup(traits: &Traits, m: usize) -> Tuning {
    tuning(traits, lanes_k(traits), 4, lane_m(traits, m), 0)
}

/// Octets of the smallest subgroup, at least one: they share a row. Where the size varies from shader to shader, only
/// the smallest can be relied on.
fn lanes_k(traits: &Traits) -> u32 {
    (traits.subgroup.0 / INTERLEAVE as u32).clamp(1, 16)
}
