use super::difference::{assert_close, doubles, gradient, normal};
use lowbit::Error;
use lowbit::train::distill::{Distill, hidden_backward, hidden_forward};

const CLASSES: usize = 7;
const LABELS: [u8; 5] = [0, 6, 3, 3, 1];

/// The loss from its definition, probabilities and all.
fn defined(student: &[f64], teacher: &[f64], (a, t): (f64, f64)) -> f64 {
    let softmax = |x: &[f64], t: f64| {
        let e: Vec<f64> = x.iter().map(|x| (x / t).exp()).collect();
        let sum: f64 = e.iter().sum();
        e.into_iter().map(|e| e / sum).collect::<Vec<_>>()
    };
    let rows = student.chunks(CLASSES).zip(teacher.chunks(CLASSES)).zip(LABELS);
    let losses = rows.map(|((s, teacher), label)| {
        let cross_entropy = -softmax(s, 1.0)[label as usize].ln();
        let (p, q) = (softmax(teacher, t), softmax(s, t));
        let divergence: f64 = p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum();
        (1.0 - a) * cross_entropy + a * t * t * divergence
    });
    losses.sum::<f64>() / LABELS.len() as f64
}

#[test]
fn loss_and_gradient_are_those_of_the_definition() {
    let (student, teacher) = (normal(1, 35), normal(2, 35));
    for (a, t) in [(0.0, 1.0), (0.9, 4.0), (1.0, 1.0), (0.5, 0.5), (0.25, 20.0)] {
        let loss = Distill::default().with_a(a).with_t(t);
        let (s, says) = (doubles(&student), doubles(&teacher));
        let with = (f64::from(a), f64::from(t));
        let got = loss.forward(&student, &teacher, &LABELS, CLASSES).unwrap();
        // Both in f64, with the logarithms in another order.
        assert!((got.total - defined(&s, &says, with)).abs() < 1e-12, "{got:?}");
        let gradient = gradient(&s, |s| defined(s, &says, with));
        let got = loss.backward(&student, &teacher, &LABELS, CLASSES).unwrap();
        // A single rounding to f32.
        assert_close(&got, &gradient, 1e-7);
    }
}

/// Two classes, logits 0 and ln 3: probabilities 1/4 and 3/4.
#[test]
fn by_hand() {
    let labels_only = Distill::default().with_a(0.0).with_t(1.0);
    let (s, t) = ([0.0, 3f32.ln()], [0.0, 0.0]);
    let got = labels_only.forward(&s, &t, &[0], 2).unwrap();
    assert!((got.total - 4f64.ln()).abs() < 1e-7);
    // ½ ln(½ / ¼) + ½ ln(½ / ¾)
    assert!((got.divergence - 0.5 * (4f64 / 3.0).ln()).abs() < 1e-7);
    let to_s = labels_only.backward(&s, &t, &[0], 2).unwrap();
    assert_close(&to_s, &[-0.75, 0.75], 1e-7);
    let teacher_only = Distill::default().with_a(1.0).with_t(1.0);
    let to_s = teacher_only.backward(&s, &t, &[0], 2).unwrap();
    assert_close(&to_s, &[-0.25, 0.25], 1e-7);
}

#[test]
fn a_student_like_its_teacher_has_nothing_to_learn_from_it() {
    let s = normal(3, 35);
    let loss = Distill::default().with_a(1.0).with_t(4.0);
    assert_eq!(loss.forward(&s, &s, &LABELS, CLASSES).unwrap().divergence, 0.0);
    assert_eq!(loss.backward(&s, &s, &LABELS, CLASSES).unwrap(), [0.0; 35]);
}

#[test]
fn large_logits_do_not_overflow() {
    let s = [1e4, -1e4, 0.0, 3e38, 0.0, -3e38];
    let loss = Distill::default();
    let got = loss.forward(&s, &[0.0; 6], &[0, 0], 3).unwrap();
    assert!(got.total.is_finite(), "{got:?}");
    let gradient = loss.backward(&s, &[0.0; 6], &[0, 0], 3).unwrap();
    assert!(gradient.iter().all(|g| g.is_finite()));
}

#[test]
fn hidden_states_by_hand_and_by_differences() {
    assert_eq!(hidden_forward(&[1.0, 2.0], &[0.0, 4.0]).unwrap(), 2.5);
    assert_eq!(hidden_backward(&[1.0, 2.0], &[0.0, 4.0]).unwrap(), [1.0, -2.0]);
    assert_eq!(hidden_forward(&[], &[]).unwrap(), 0.0);
    let (s, t) = (normal(4, 50), normal(5, 50));
    let expected = gradient(&doubles(&s), |s| {
        let pairs = s.iter().zip(&t);
        pairs.map(|(s, t)| (s - f64::from(*t)).powi(2)).sum::<f64>() / 50.0
    });
    assert_close(&hidden_backward(&s, &t).unwrap(), &expected, 1e-7);
}

#[test]
fn what_does_not_fit_is_refused() {
    let s = normal(6, 35);
    let loss = Distill::default();
    let run = |loss: Distill, s: &[f32], t: &[f32], labels: &[u8]| loss.forward(s, t, labels, CLASSES);
    assert!(matches!(run(loss, &s[..34], &s, &LABELS), Err(Error::Length { .. })));
    assert!(matches!(run(loss, &s, &s[..34], &LABELS), Err(Error::Length { .. })));
    assert!(matches!(run(loss, &s, &s, &LABELS[..4]), Err(Error::Length { .. })));
    let seven = [0, 7, 3, 3, 1];
    assert!(matches!(run(loss, &s, &s, &seven), Err(Error::Argument { .. })));
    for loss in [
        Distill::default().with_a(1.5).with_t(1.0),
        Distill::default().with_a(0.5).with_t(0.0),
        Distill::default().with_a(f32::NAN).with_t(1.0),
    ] {
        assert!(matches!(run(loss, &s, &s, &LABELS), Err(Error::Argument { .. })));
    }
    assert!(hidden_forward(&s, &s[1..]).is_err() && hidden_backward(&s, &s[1..]).is_err());
}
