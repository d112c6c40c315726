//! A 64-64-10 network on scikit-learn's digits: in floats, with rounded floats, and with weights trained as rounded.

use super::net::data::{Data, digits};
use super::net::mlp::Mlp;
use super::net::packed::Packed;
use super::net::scheme::{Quantizer, Scheme};
use super::net::train::{Plan, Teacher, quantizers, train};
use lowbit::train::distill::Distill;
use lowbit::train::gradual::Blend;
use std::path::Path;

const TERNARY: Scheme = Scheme::Ternary { group: 16 };
const INT4: Scheme = Scheme::Int4 { group: 16 };

fn data() -> Data {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    digits(&folder).unwrap()
}

/// The number of correctly classified test images, in floats; the packed products on the CPU must give the same number
/// (except for one image that may be a tie).
fn right(net: &Mlp, quantizers: &[Quantizer; 2], data: &Data) -> i32 {
    let packed = Packed::trained(net, quantizers).unwrap();
    let count = |accuracy: f64| (accuracy * data.test.len() as f64).round() as i32;
    let floats = count(packed.in_floats(&data.test));
    let products = count(packed.accuracy(None, &data.test).unwrap());
    assert!((products - floats).abs() <= 1, "{products} packed, {floats} in floats");
    floats
}

/// Of 359 images, floats classify about 348 correctly, with a standard deviation of 3; training for few bits may lose
/// two deviations. Ternary weights without training lose 24 or more.
#[test]
fn training_for_few_bits_beats_rounding_to_them() {
    let data = data();
    assert_eq!((data.train.len(), data.test.len()), (1438, 359));
    let plan = Plan {
        batch: 64,
        ..Plan::new(30, 1)
    };
    let mut float = Mlp::new(64, 64, 1);
    let learned = train(&mut float, Scheme::Float, &data.train, None, plan, &|_| ()).unwrap();
    let of_float = right(&float, &learned, &data);
    assert!(of_float >= 342, "{of_float}");
    let teacher = Teacher {
        net: &float,
        loss: Distill::default(),
        hidden: 1.0,
    };
    let slowly = Plan {
        gradual: Some(Blend::cubic(0, plan.steps(data.train.len()) / 3)),
        ..plan
    };
    for (name, scheme, teacher, plan) in [
        ("ternary", TERNARY, None, plan),
        ("ternary, per tensor", Scheme::TernaryTensor, None, plan),
        ("ternary, distilled", TERNARY, Some(&teacher), plan),
        ("ternary, gradual", TERNARY, None, slowly),
        ("int4", INT4, None, plan),
    ] {
        let ptq = right(&float, &quantizers(scheme, &float).unwrap(), &data);
        let mut net = float.clone();
        let learned = train(&mut net, scheme, &data.train, teacher, plan, &|_| ()).unwrap();
        let qat = right(&net, &learned, &data);
        println!("{name}: of 359 float {of_float}, PTQ {ptq}, QAT {qat}");
        assert!(qat >= of_float - 6, "{name}: {qat}, float {of_float}");
        // Rounding to INT4 loses too little to measure.
        assert!(scheme == INT4 || qat > ptq + 6, "{name}: {qat}, PTQ {ptq}");
    }
}

#[test]
fn training_is_the_same_every_time() {
    let data = data();
    let plan = Plan::new(2, 5);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let mut net = Mlp::new(64, 20, 5);
        let train = || train(&mut net, INT4, &data.train, None, plan, &|_| ()).map(|_| ());
        pool.build().unwrap().install(train).unwrap();
        net.layers.map(|layer| (layer.w, layer.bias))
    };
    let one = run(1);
    assert_eq!(one, run(1));
    assert_eq!(one, run(3));
}

/// The gradients of the network itself, without a quantizer: central differences of the loss. With steps of 1/1024 a
/// ReLU that switches inside one adds up to 5e-5, and logits rounded to f32 about 1e-4.
#[test]
fn the_network_is_differentiated_right() {
    let data = data();
    let mut net = Mlp::new(64, 12, 3);
    let numbers: Vec<usize> = (0..20).collect();
    let (x, labels) = data.train.batch(&numbers);
    let loss = Distill::default().with_a(0.0).with_t(1.0);
    let outputs = net.forward(net.weights(), &x);
    let to_logits = loss.backward(&outputs.logits, &outputs.logits, &labels, 10);
    let to_logits = to_logits.unwrap();
    let gradients = net.backward(net.weights(), &x, &outputs, &to_logits, &[]);
    let mut compare = |name: &str, got: f32, of: &dyn Fn(&mut Mlp) -> &mut f32| {
        let h = 1.0 / 1024.0;
        let start = *of(&mut net);
        let mut at = |value: f32| {
            *of(&mut net) = value;
            let logits = net.forward(net.weights(), &x).logits;
            loss.forward(&logits, &logits, &labels, 10).unwrap().total
        };
        let expected = (at(start + h) - at(start - h)) / f64::from(2.0 * h);
        at(start);
        let error = (f64::from(got) - expected).abs();
        assert!(error < 3e-4, "{name}: {got} should be {expected}");
    };
    for (l, gradient) in gradients.iter().enumerate() {
        for i in (0..gradient.w.len()).step_by(29) {
            let name = format!("layer {l}, weight {i}");
            compare(&name, gradient.w[i], &|net| &mut net.layers[l].w[i]);
        }
        for i in 0..gradient.bias.len() {
            let name = format!("layer {l}, bias {i}");
            compare(&name, gradient.bias[i], &|net| &mut net.layers[l].bias[i]);
        }
    }
}
