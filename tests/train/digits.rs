//! A network of 64-64-10 on scikit-learn's digits: floats, floats rounded, and weights trained as what they become.

use super::net::data::{digits, Data};
use super::net::mlp::Mlp;
use super::net::packed::Packed;
use super::net::scheme::{Quantizer, Scheme};
use super::net::train::{accuracy_of, quantizers, train, Plan, Teacher};
use lowbit::train::distill::Distill;
use std::path::Path;

fn data() -> Data {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data");
    digits(&folder).unwrap()
}

/// The accuracy in floats, after the packed products on the processor were seen to give the same (one image of 359
/// may fall to the other side of a tie).
fn judged(net: &Mlp, quantizers: &[Quantizer; 2], data: &Data) -> f64 {
    let floats = accuracy_of(net, quantizers, &data.test).unwrap();
    let packed = Packed::trained(net, quantizers).unwrap();
    let packed = packed.accuracy(None, &data.test).unwrap();
    assert!(
        (packed - floats).abs() < 1.5 / data.test.len() as f64,
        "{packed} against {floats}"
    );
    floats
}

#[test]
fn training_for_few_bits_beats_rounding_to_them() {
    let data = data();
    let plan = Plan::new(30, 1);
    let run = |net: &mut Mlp, scheme, teacher: Option<&Teacher>| {
        train(net, scheme, &data.train, teacher, plan, &|_| ()).unwrap()
    };
    let mut float = Mlp::new(64, 64, 1);
    let learned = run(&mut float, Scheme::Float, None);
    let of_float = judged(&float, &learned, &data);
    assert!(of_float > 0.95, "float: {of_float}");
    let teacher = Teacher {
        net: &float,
        loss: Distill::default(),
        hidden: 1.0,
    };
    for (name, scheme, teacher) in [
        ("ternary", Scheme::Ternary { group: 16 }, None),
        ("ternary, per tensor", Scheme::TernaryTensor, None),
        (
            "ternary, distilled",
            Scheme::Ternary { group: 16 },
            Some(&teacher),
        ),
        ("int4", Scheme::Int4 { group: 16 }, None),
    ] {
        let ptq = judged(&float, &quantizers(scheme, &float).unwrap(), &data);
        let mut net = float.clone();
        let learned = run(&mut net, scheme, teacher);
        let qat = judged(&net, &learned, &data);
        println!("{name}: float {of_float:.4}, PTQ {ptq:.4}, QAT {qat:.4}");
        assert!(
            qat > of_float - 0.012,
            "{name}: QAT {qat}, float {of_float}"
        );
        // INT4 loses too little by rounding for a difference to show on 359 images.
        match scheme {
            Scheme::Int4 { .. } => assert!(qat > ptq - 0.006, "{name}: QAT {qat}, PTQ {ptq}"),
            _ => assert!(qat > ptq, "{name}: QAT {qat}, PTQ {ptq}"),
        }
    }
}

/// The gradients of the network itself, weights through no quantizer: central differences of the loss. In f32 with
/// steps of 1/64, where the curvature of the loss and the rounding of logits each cost about 1e-4.
#[test]
fn the_network_is_differentiated_right() {
    let data = data();
    let mut net = Mlp::new(64, 12, 3);
    let numbers: Vec<usize> = (0..20).collect();
    let (x, labels) = data.train.batch(&numbers);
    let loss = Distill { a: 0.0, t: 1.0 };
    let value = |net: &Mlp| {
        let logits = net.forward(net.weights(), &x).logits;
        loss.forward(&logits, &logits, &labels, 10).unwrap().total
    };
    let outputs = net.forward(net.weights(), &x);
    let to_logits = loss
        .backward(&outputs.logits, &outputs.logits, &labels, 10)
        .unwrap();
    let gradients = net.backward(net.weights(), &x, &outputs, &to_logits, &[]);
    let h = 1.0 / 64.0;
    for (layer, gradient) in gradients.iter().enumerate() {
        for i in (0..gradient.w.len()).step_by(29) {
            let w = net.layers[layer].w[i];
            net.layers[layer].w[i] = w + h;
            let above = value(&net);
            net.layers[layer].w[i] = w - h;
            let below = value(&net);
            net.layers[layer].w[i] = w;
            let expected = (above - below) / f64::from(2.0 * h);
            let error = (f64::from(gradient.w[i]) - expected).abs();
            assert!(
                error < 1e-3,
                "layer {layer}, weight {i}: {} should be {expected}",
                gradient.w[i]
            );
        }
        for i in 0..gradient.bias.len() {
            let bias = net.layers[layer].bias[i];
            net.layers[layer].bias[i] = bias + h;
            let above = value(&net);
            net.layers[layer].bias[i] = bias - h;
            let below = value(&net);
            net.layers[layer].bias[i] = bias;
            let expected = (above - below) / f64::from(2.0 * h);
            let error = (f64::from(gradient.bias[i]) - expected).abs();
            assert!(
                error < 1e-3,
                "layer {layer}, bias {i}: {} should be {expected}",
                gradient.bias[i]
            );
        }
    }
}
