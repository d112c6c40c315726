//! Sensitivities against plain formulas, assignments against all possible assignments.

use lowbit::calibrate::allocate::{Assignment, Choice, exact, lagrangian};
use lowbit::calibrate::sensitivity::{candidates, hawq, output_error, trace};
use lowbit::quantize::hessian::Hessian;
use lowbit::random::SplitMix64;
use lowbit::{Dense, Error, Format, Matrix};

fn normals(seed: u64, count: usize) -> Vec<f32> {
    let mut random = SplitMix64::new(seed);
    (0..count).map(|_| random.normal() as f32).collect()
}

#[test]
fn output_error_is_that_of_the_outputs() {
    let (n, k, inputs) = (37, 96, 200);
    let (w, x) = (normals(1, n * k), normals(2, inputs * k));
    let mut hessian = Hessian::new(k).unwrap();
    hessian.add(&x).unwrap();
    let formats = [Format::INT2, Format::Q4_0, Format::INT8];
    let choices = candidates(&formats, Dense::new(n, k, &w).unwrap(), &hessian, &|_| ()).unwrap();
    for (format, choice) in formats.iter().zip(choices) {
        let matrix = Matrix::quantize(*format, Dense::new(n, k, &w).unwrap()).unwrap();
        let quantized = matrix.dequantize();
        let mut expected = 0f64;
        for x in x.chunks(k) {
            for (w, q) in w.chunks(k).zip(quantized.chunks(k)) {
                let terms = w.iter().zip(q).zip(x);
                let y: f64 = terms.map(|((w, q), x)| (*w as f64 - *q as f64) * *x as f64).sum();
                expected += y * y / inputs as f64;
            }
        }
        // The Hessian sums 200 products in f32.
        assert!(
            (choice.error / expected - 1.0).abs() < 1e-5,
            "{format}: {} {expected}",
            choice.error
        );
        let same = output_error(Dense::new(n, k, &w).unwrap(), &quantized, &hessian).unwrap();
        assert_eq!(choice.error, same);
        assert_eq!((choice.format, choice.bytes), (*format, matrix.bytes().len() as u64));
    }
    assert!(matches!(
        output_error(Dense::new(n, k, &w).unwrap(), &w[1..], &hessian),
        Err(Error::Length { .. })
    ));
    let other = Hessian::new(k + 1).unwrap();
    assert!(matches!(
        output_error(Dense::new(n, k, &w).unwrap(), &w, &other),
        Err(Error::Argument { .. })
    ));
}

#[test]
fn traces() {
    let k = 40;
    let a = normals(3, k * k);
    let product = |z: &[f32], y: &mut [f32]| {
        for (i, y) in y.iter_mut().enumerate() {
            *y = (0..k).map(|j| (a[i * k + j] + a[j * k + i]) * z[j]).sum();
        }
        Ok(())
    };
    let expected: f64 = (0..k).map(|i| 2.0 * a[i * k + i] as f64).sum();
    let estimate = trace(k, 400, 1, product).unwrap();
    // With ±1 probes the variance is 2 Σ_{i≠j} h_ij², here with h = a + aᵀ.
    let mut variance = 0f64;
    for i in 0..k {
        for j in (0..k).filter(|&j| j != i) {
            variance += 2.0 * ((a[i * k + j] + a[j * k + i]) as f64).powi(2);
        }
    }
    let error = (variance / 400.0).sqrt();
    assert!(
        (estimate.mean - expected).abs() < 3.0 * error,
        "{estimate:?}, {expected} ± {error}"
    );
    // 400 samples determine the standard deviation to about a tenth.
    assert!(
        (estimate.standard_error / error - 1.0).abs() < 0.2,
        "{estimate:?}, {error}"
    );

    // For a diagonal matrix every probe is exact.
    let diagonal = |z: &[f32], y: &mut [f32]| {
        for (i, (y, z)) in y.iter_mut().zip(z).enumerate() {
            *y = i as f32 * z;
        }
        Ok(())
    };
    let estimate = trace(k, 3, 9, diagonal).unwrap();
    assert_eq!((estimate.mean, estimate.standard_error), (780.0, 0.0));
    assert!(trace(k, 0, 1, diagonal).is_err());
    let none = |_: &[f32], _: &mut [f32]| Ok(());
    assert!(trace(0, 1, 1, none).is_err());
    assert!(trace(usize::MAX, 1, 1, none).is_err());
    // A product that leaves out a number is reported.
    assert!(trace(k, 1, 1, |_, _| Ok(())).is_err());

    assert_eq!(hawq(8.0, &[1.0, 2.0, 3.0, 4.0], &[1.0, 2.5, 3.0, 3.0]).unwrap(), 2.5);
    assert!(hawq(8.0, &[1.0], &[]).is_err());
}

/// Choices of a tensor whose error roughly falls as bytes grow.
fn choices(random: &mut SplitMix64, unit: u64) -> Vec<Choice> {
    let size = 1 + random.below(8) as u64;
    (0..1 + random.below(5))
        .map(|i| Choice {
            format: Format::ALL[i],
            bytes: unit * size * (1 + random.below(9) as u64),
            error: random.uniform() * 10.0 / (1 + i) as f64,
        })
        .collect()
}

fn bytes(tensors: &[Vec<Choice>], assignment: &[usize]) -> u64 {
    tensors.iter().zip(assignment).map(|(t, &i)| t[i].bytes).sum()
}

fn error(tensors: &[Vec<Choice>], assignment: &[usize]) -> f64 {
    tensors.iter().zip(assignment).map(|(t, &i)| t[i].error).sum()
}

/// The minimum error of all assignments within the budget.
fn brute_force(tensors: &[Vec<Choice>], budget: u64) -> Option<f64> {
    let Some((first, rest)) = tensors.split_first() else {
        return Some(0.0);
    };
    let within = first.iter().filter(|c| c.bytes <= budget);
    let sums = within.filter_map(|c| Some(c.error + brute_force(rest, budget - c.bytes)?));
    sums.min_by(f64::total_cmp)
}

#[test]
fn exact_is_the_best_there_is() {
    let mut random = SplitMix64::new(5);
    let (mut feasible, mut gap) = (0, 0);
    for _ in 0..1000 {
        let unit = [1, 18, 36_864][random.below(3)];
        let tensors: Vec<_> = (0..1 + random.below(6)).map(|_| choices(&mut random, unit)).collect();
        let most: u64 = tensors.iter().map(|t| t.iter().map(|c| c.bytes).max().unwrap()).sum();
        let budget = random.below(most as usize + 2 * unit as usize) as u64;
        let Some(best) = brute_force(&tensors, budget) else {
            let refused = exact(&tensors, budget).unwrap_err();
            assert!(
                matches!(refused, Error::Argument { what: "the budget", .. }),
                "{refused}"
            );
            assert!(lagrangian(&tensors, budget).is_err());
            continue;
        };
        feasible += 1;
        let assignment = exact(&tensors, budget).unwrap();
        assert!(bytes(&tensors, &assignment) <= budget);
        // The same numbers summed in another order.
        let reached = error(&tensors, &assignment);
        assert!((reached - best).abs() <= 1e-12 * best.max(1.0), "{reached} {best}");
        let fast = lagrangian(&tensors, budget).unwrap();
        assert!(bytes(&tensors, &fast) <= budget);
        assert!(error(&tensors, &fast) >= best - 1e-12 * best.max(1.0));
        gap += (error(&tensors, &fast) > best + 1e-9) as usize;
    }
    // Both cases occur: if the fast path were always exact, this test could not tell the two apart.
    assert!(feasible > 400 && gap > 20 && gap < feasible / 2, "{gap} of {feasible}");
}

#[test]
fn lagrangian_is_exact_on_convex_choices_of_one_step() {
    let mut random = SplitMix64::new(6);
    for _ in 0..200 {
        let tensors: Vec<Vec<Choice>> = (0..2 + random.below(6))
            .map(|_| {
                let (mut error, mut gain) = (20.0, 3.0 * random.uniform());
                let choice = |bits: usize| {
                    error -= gain;
                    gain *= random.uniform();
                    Choice {
                        format: Format::ALL[bits],
                        bytes: 100 * (bits as u64 + 2),
                        error,
                    }
                };
                (0..5).map(choice).collect()
            })
            .collect();
        let least = 200 * tensors.len() as u64;
        let budget = least + random.below(400 * tensors.len()) as u64;
        let best = error(&tensors, &exact(&tensors, budget).unwrap());
        let fast = error(&tensors, &lagrangian(&tensors, budget).unwrap());
        assert!((best - fast).abs() < 1e-12 * best, "{best} {fast}");
    }
}

#[test]
fn what_cannot_be_assigned_is_an_error() {
    let choice = |bytes, error| Choice {
        format: Format::Q4_0,
        bytes,
        error,
    };
    for assign in [exact, lagrangian] {
        assert_eq!(assign(&[], 0).unwrap(), [0usize; 0]);
        assert!(assign(&[vec![]], 10).is_err());
        assert!(assign(&[vec![choice(1, f64::NAN)]], 10).is_err());
        assert!(assign(&[vec![choice(1, -1.0)]], 10).is_err());
        let refused = assign(&[vec![choice(7, 1.0)], vec![choice(5, 1.0)]], 11).unwrap_err();
        assert!(refused.to_string().contains("at least 12 bytes"), "{refused}");
    }
    // Minimum sizes whose sum overflows 64 bits.
    let tensors = [vec![choice(u64::MAX, 0.0)], vec![choice(1, 1.0)]];
    for assign in [exact, lagrangian] {
        let refused = assign(&tensors, u64::MAX).unwrap_err().to_string();
        assert!(refused.contains("at least 18446744073709551616"), "{refused}");
    }
    // Sizes without a common unit: too many sums for a table.
    let tensors = vec![vec![choice(1 << 40, 1.0), choice((1 << 41) + 1, 0.0)]; 2];
    assert!(exact(&tensors, 1 << 42).is_ok());
    let tensors = vec![vec![choice(0, 2.0), choice(1, 1.0), choice(1 << 40, 0.0)]; 2];
    assert!(matches!(exact(&tensors, 1 << 40), Err(Error::TooLarge { .. })));
    assert_eq!(lagrangian(&tensors, 1 << 40).unwrap(), [1, 1]);
}

#[test]
fn assignments_as_text() {
    let text = "# a comment\n\n blk.0.attn_q.weight = Q4_0 \na=b=int4_g64\nlast=nf4";
    let assignment: Assignment = text.parse().unwrap();
    let expected = [
        ("blk.0.attn_q.weight", Format::Q4_0),
        ("a=b", Format::INT4.with_group(64).unwrap()),
        ("last", Format::NF4),
    ];
    let expected: Vec<_> = expected.map(|(name, f)| (name.to_string(), f)).into();
    assert_eq!(assignment.entries, expected);
    assert_eq!(
        assignment.to_string(),
        "blk.0.attn_q.weight=q4_0\na=b=int4_g64\nlast=nf4\n"
    );
    assert_eq!(assignment.to_string().parse::<Assignment>().unwrap(), assignment);
    assert_eq!(assignment.format("a=b"), Some(expected[1].1));
    assert_eq!(assignment.format("b"), None);

    let why = |text: &str| text.parse::<Assignment>().unwrap_err().to_string();
    assert!(
        why("a=q4_0\nno format").contains("line 2"),
        "{}",
        why("a=q4_0\nno format")
    );
    assert!(why("=q4_0").contains("NAME=FORMAT"));
    assert!(why("a=q9_9").contains("q9_9") && why("a=q9_9").contains("\"a\""));
    assert!(why("a=q4_0\nb=q4_0\na=q5_0").contains("twice"));
}
