//! Formats, weights, inputs and options that are refused.

use super::{identity, normals};
use lowbit::quantize::gptq::{Gptq, GroupScales, Search};
use lowbit::quantize::hessian::Hessian;
use lowbit::{Dense, Error, Format};

#[test]
fn what_does_not_fit_is_an_error() {
    let (n, k) = (4, 256);
    let w = normals(9, n * k);
    let hessian = identity(k);
    let why = |format, w: &[f32], hessian: &Hessian, options: &Gptq| {
        Dense::new(n, k, w)
            .and_then(|dense| options.quantize(format, dense, hessian, &|_| ()))
            .unwrap_err()
    };
    let default = Gptq::default();
    for format in [Format::TQ1_0, Format::IQ2_XXS, Format::IQ3_S] {
        let error = why(format, &w, &hessian, &default).to_string();
        assert!(
            error.contains("separate bits") && error.contains(format.name()),
            "{error}"
        );
    }
    assert!(matches!(
        why(Format::AQLM_2X8, &w, &hessian, &default),
        Error::NoEncoder { .. }
    ));
    assert!(matches!(
        why(Format::INT4, &w[1..], &hessian, &default),
        Error::Length { .. }
    ));
    let error = why(Format::INT4, &w, &identity(128), &default).to_string();
    assert!(error.contains("256") && error.contains("128"), "{error}");
    let mut bad = w.clone();
    bad[300] = f32::INFINITY;
    let error = why(Format::INT4, &bad, &hessian, &default);
    assert!(
        matches!(
            error,
            Error::NotFinite {
                what: "weight",
                row: 1,
                column: 44,
                ..
            }
        ),
        "{error}"
    );
    bad[300] = 1e30;
    for groups in [GroupScales::Sequential, GroupScales::Static] {
        let options = Gptq::default().with_groups(groups);
        // A group inside a batch, and one longer than a batch.
        for format in [Format::INT4, Format::Q4_K] {
            let error = why(format, &bad, &hessian, &options);
            assert!(matches!(error, Error::ScaleRange { .. }), "{error}");
        }
    }
    for damp in [-0.1, 1.5, f64::NAN] {
        let options = Gptq::default().with_damp(damp);
        assert!(matches!(
            why(Format::INT4, &w, &hessian, &options),
            Error::Argument { .. }
        ));
    }
    let options = Gptq::default().with_block(0);
    assert!(matches!(
        why(Format::INT4, &w, &hessian, &options),
        Error::Argument { .. }
    ));
    let search = Search::default().with_grid(0);
    let options = Gptq::default().with_search(Some(search));
    assert!(matches!(
        why(Format::INT4, &w, &hessian, &options),
        Error::Argument { .. }
    ));
    // A positive diagonal but an indefinite matrix: damping does not help.
    let mut h = vec![1000.0; k * k];
    h.iter_mut().step_by(k + 1).for_each(|h| *h = 1.0);
    let indefinite = Hessian::from_matrix(k, &h).unwrap();
    let error = why(Format::INT4, &w, &indefinite, &default);
    assert!(matches!(error, Error::NotPositiveDefinite { n: 256, .. }), "{error}");
}
