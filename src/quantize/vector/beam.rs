//! The codes of least output error for given codebooks, by AQLM's beam search for each row.
//!
//! Codes are replaced one at a time. With e the row's error without the entry and z = He, an entry c in its place,
//! scaled by s, changes the error by s²cᵀHc - 2s·cᵀz, where H and z are restricted to the vector's weights. All entries
//! are tried and the best `beam` rows are kept. z is updated with each change, so that a change takes d rows of H and a
//! trial little.

use super::Additive;
use crate::{Matrix, Result, parallel};

/// A candidate for the codes of a row.
#[derive(Clone)]
struct Beam {
    codes: Vec<u16>,
    /// He, where e is the error of the row.
    product: Vec<f32>,
    /// eᵀHe.
    error: f64,
}

/// What the search of all rows has in common.
struct BeamSearch<'a> {
    k: usize,
    d: usize,
    entries: usize,
    h: &'a [f32],
    codebooks: &'a [Vec<f32>],
    /// Float j of all entries of a codebook, then float j + 1: `[codebooks][d][entries]`.
    turned: Vec<Vec<f32>>,
    /// cᵀHc: `[k / d][codebooks][entries]`.
    squares: Vec<f32>,
}

/// Chooses each code again once. `h` is the matrix `hessian` as floats.
pub(super) fn search(w: &[f32], quantized: &mut Additive, hessian: &Matrix, h: &[f32], beam: usize) -> Result<()> {
    let errors = quantized.errors(w);
    let products = hessian.matmul(&errors)?;
    let (k, d) = (quantized.k, quantized.d);
    let beams = BeamSearch::new(k, d, h, &quantized.codebooks);
    let a_row = k / d * quantized.codebooks.len();
    let scales = &quantized.scales;
    parallel::chunks(
        &mut quantized.codes,
        a_row,
        || (),
        |row, codes, ()| {
            let product = products[row * k..][..k].to_vec();
            let terms = errors[row * k..][..k].iter().zip(&product);
            let first = Beam {
                codes: codes.to_vec(),
                error: terms.map(|(e, u)| *e as f64 * *u as f64).sum(),
                product,
            };
            codes.copy_from_slice(&beams.row(first, scales[row], beam));
        },
    );
    Ok(())
}

impl<'a> BeamSearch<'a> {
    fn new(k: usize, d: usize, h: &'a [f32], codebooks: &'a [Vec<f32>]) -> BeamSearch<'a> {
        let entries = codebooks[0].len() / d;
        let turn = |book: &Vec<f32>| {
            let float = |j: usize| book.iter().skip(j).step_by(d).copied();
            (0..d).flat_map(float).collect()
        };
        let mut squares = vec![0f32; k / d * codebooks.len() * entries];
        let a_vector = codebooks.len() * entries;
        parallel::chunks(
            &mut squares,
            a_vector,
            || (),
            |g, squares, ()| {
                let all = codebooks.iter().flat_map(|book| book.chunks_exact(d));
                for (square, c) in squares.iter_mut().zip(all) {
                    *square = (0..d).map(|j| c[j] * dot(&h[(g * d + j) * k + g * d..][..d], c)).sum();
                }
            },
        );
        BeamSearch {
            k,
            d,
            entries,
            h,
            codebooks,
            turned: codebooks.iter().map(turn).collect(),
            squares,
        }
    }

    fn entry(&self, m: usize, code: u16) -> &[f32] {
        &self.codebooks[m][code as usize * self.d..][..self.d]
    }

    /// The best codes found for one row.
    fn row(&self, first: Beam, s: f32, width: usize) -> Vec<u16> {
        let books = self.codebooks.len();
        let mut beams = vec![first];
        let mut changes = vec![0f32; self.entries];
        for at in 0..self.k / self.d * books {
            let (g, m) = (at / books, at % books);
            // Candidates: the resulting error, the beam, the entry.
            let mut candidates: Vec<(f64, usize, u16)> = Vec::new();
            for (b, beam) in beams.iter().enumerate() {
                let old = beam.codes[at];
                self.changes(beam, (g, m), s, &mut changes);
                let without = beam.error - changes[old as usize] as f64;
                let with = |code: usize| (without + changes[code] as f64, b, code as u16);
                if width == 1 {
                    let best = lowest(&changes);
                    // Equal entries keep the old code.
                    let better = changes[best] < changes[old as usize];
                    candidates.push(with(if better { best } else { old as usize }));
                } else {
                    let mut order: Vec<usize> = (0..self.entries).collect();
                    let rank = |a: &usize, b: &usize| changes[*a].total_cmp(&changes[*b]).then(a.cmp(b));
                    if order.len() > width {
                        order.select_nth_unstable_by(width, rank);
                        order.truncate(width);
                    }
                    candidates.extend(order.into_iter().map(with));
                }
            }
            candidates.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            beams = self.keep(beams, candidates, at, s, width);
        }
        let best = beams.into_iter().min_by(|a, b| a.error.total_cmp(&b.error));
        best.map_or(Vec::new(), |beam| beam.codes)
    }

    /// The change of the error for each entry in a place of a vector, relative to no entry there.
    fn changes(&self, beam: &Beam, (g, m): (usize, usize), s: f32, changes: &mut [f32]) {
        let (k, d, books) = (self.k, self.d, self.codebooks.len());
        let old = self.entry(m, beam.codes[g * books + m]);
        let squares = &self.squares[(g * books + m) * self.entries..][..self.entries];
        for (change, square) in changes.iter_mut().zip(squares) {
            *change = s * s * square;
        }
        for (j, floats) in self.turned[m].chunks_exact(self.entries).enumerate() {
            let block = &self.h[(g * d + j) * k + g * d..][..d];
            let z = beam.product[g * d + j] + s * dot(block, old);
            let factor = -2.0 * s * z;
            for (change, c) in changes.iter_mut().zip(floats) {
                *change += factor * c;
            }
        }
    }

    /// The best `width` distinct rows among the candidates.
    fn keep(
        &self,
        mut beams: Vec<Beam>,
        candidates: Vec<(f64, usize, u16)>,
        at: usize,
        s: f32,
        width: usize,
    ) -> Vec<Beam> {
        if let (1, [(error, _, code)]) = (width, &candidates[..]) {
            let beam = &mut beams[0];
            self.put(beam, at, *code, *error, s);
            return beams;
        }
        let mut kept: Vec<Beam> = Vec::with_capacity(width);
        for (error, b, code) in candidates {
            let same = |other: &Beam| {
                let (a, b) = (&other.codes, &beams[b].codes);
                a[at] == code && a[..at] == b[..at] && a[at + 1..] == b[at + 1..]
            };
            if kept.len() < width && !kept.iter().any(same) {
                let mut beam = beams[b].clone();
                self.put(&mut beam, at, code, error, s);
                kept.push(beam);
            }
        }
        kept
    }

    /// Changes one code.
    fn put(&self, beam: &mut Beam, at: usize, code: u16, error: f64, s: f32) {
        let books = self.codebooks.len();
        let (g, m) = (at / books, at % books);
        let old = beam.codes[at];
        if old == code {
            return;
        }
        let pairs = self.entry(m, old).iter().zip(self.entry(m, code));
        for (j, (old, new)) in pairs.enumerate() {
            let change = s * (old - new);
            let row = &self.h[(g * self.d + j) * self.k..][..self.k];
            for (u, h) in beam.product.iter_mut().zip(row) {
                *u += change * h;
            }
        }
        beam.codes[at] = code;
        beam.error = error;
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The index of the least value; the first of several.
fn lowest(values: &[f32]) -> usize {
    let least = values.iter().fold(f32::INFINITY, |m, &v| if v < m { v } else { m });
    values.iter().position(|&v| v == least).unwrap_or(0)
}
