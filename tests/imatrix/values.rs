//! Values of importance: any size, 0 with a warning, never negative, never NaN.

use super::normals;
use lowbit::calibrate::imatrix::Importance;
use lowbit::gguf::Writer;
use lowbit::{Dense, Error, Format, Matrix};

/// The logged messages.
struct Log;

static LOGGED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        let mut logged = LOGGED.lock().unwrap();
        logged.push(format!("{} {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

/// An older file has one count for three experts, the second of which had no tokens.
#[test]
fn an_importance_of_0_is_told_of() {
    log::set_logger(&Log).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let mut writer = Writer::new();
    let mut add = |name: &str, dims: &[u64], numbers: &[f32]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
        writer.tensor(name, dims, 0, bytes).unwrap();
    };
    let sums = [[1.0f32; 4], [0.0; 4], [2.0; 4]].concat();
    add("e.weight.in_sum2", &[4, 3], &sums);
    add("e.weight.counts", &[1], &[8.0]);
    let read = Importance::from_bytes(&writer.to_bytes().unwrap()).unwrap();
    assert_eq!(read.means("e.weight").unwrap()[4..8], [0.0; 4]);
    let weights = normals(64, 9);
    Matrix::quantize_weighted(Format::Q4_0, Dense::new(2, 32, &weights).unwrap(), &[0.0; 32]).unwrap();
    let logged = LOGGED.lock().unwrap();
    let said = |words: &[&str]| logged.iter().any(|l| words.iter().all(|word| l.contains(word)));
    assert!(
        said(&["WARN", "\"e.weight\"", "expert 1 of 3", "4 columns"]),
        "{logged:?}"
    );
    assert!(said(&["WARN", "32 columns"]), "{logged:?}");
}

/// Only ratios of importance matter, not its unit.
#[test]
fn importance_of_any_size() {
    let (n, k) = (2, 256);
    let weights = normals(n * k, 10);
    let importance: Vec<f32> = normals(k, 11).iter().map(|v| v * v + 0.01).collect();
    for format in Format::ALL {
        let Ok(usual) = Dense::new(n, k, &weights).and_then(|w| Matrix::quantize_weighted(*format, w, &importance))
        else {
            continue;
        };
        for power in [50, 80, 120] {
            let large = 2f32.powi(power);
            let large: Vec<f32> = importance.iter().map(|v| v * large).collect();
            let matrix = Dense::new(n, k, &weights).and_then(|w| Matrix::quantize_weighted(*format, w, &large));
            assert_eq!(matrix.as_ref(), Ok(&usual), "{format}, 2^{power}");
        }
    }
}

#[test]
fn importance_that_is_none() {
    let weighted = |importance: f32| {
        let importance = [[1.0; 31].as_slice(), &[importance]].concat();
        let matrix =
            Dense::new(1, 32, &[1.0; 32]).and_then(|w| Matrix::quantize_weighted(Format::Q4_0, w, &importance));
        matrix.unwrap_err().to_string()
    };
    assert_eq!(weighted(f32::NAN), "importance [0, 31] is NaN, should be finite");
    assert_eq!(weighted(f32::INFINITY), "importance [0, 31] is inf, should be finite");
    assert_eq!(weighted(-1.0), "importance should be at least 0, got -1 in column 31");
}

#[test]
fn sizes_that_no_matrix_has_are_refused() {
    let mut importance = Importance::new();
    let refused = importance.add_expert("a", 2, usize::MAX, 0, &[1.0, 2.0]);
    assert!(matches!(refused, Err(Error::Argument { .. })), "{refused:?}");
    let refused = importance.add("a", usize::MAX, &[]);
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    assert_eq!(importance.names().count(), 0);
}
