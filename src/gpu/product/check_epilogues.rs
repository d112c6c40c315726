//! Which epilogues may stand in one product, and in which order.

use crate::shader::epilogue::{Epilogue, Extent};
use crate::{Error, Result};

/// Each operand has one binding, and each constant one value.
pub(crate) fn check_epilogues(epilogues: &[Epilogue]) -> Result<()> {
    for (i, epilogue) in epilogues.iter().enumerate() {
        if let Epilogue::SoftCap(cap) = epilogue
            && !(*cap > 0.0 && cap.is_finite())
        {
            return Err(Error::argument("cap", "positive and finite", cap));
        }
        let binding = |e: &Epilogue| e.operand().map(|operand| operand.binding);
        let alike = |other: &&Epilogue| match (epilogue.constant(), binding(epilogue)) {
            (None, None) => false,
            (Some(_), _) => other.function() == epilogue.function(),
            (_, bound) => binding(other) == bound,
        };
        let asked = epilogues[..=i].iter().filter(alike).count();
        if asked > 1 {
            return Err(Error::Part {
                at: format!("epilogue {epilogue:?}"),
                what: "times it is asked".into(),
                expected: "1".into(),
                got: asked.to_string(),
            });
        }
    }
    match epilogues.iter().position(|e| e.is_gate()) {
        Some(at) => check_gate(epilogues, at),
        None => Ok(()),
    }
}

/// Two sums come to a gate, and one leaves it; until then y is where the gate's sum waits.
fn check_gate(epilogues: &[Epilogue], at: usize) -> Result<()> {
    let of_weights = |e: &Epilogue| e.operand().is_some_and(|o| o.extent == Extent::Weights);
    let of_outputs = |e: &Epilogue| e.operand().is_some_and(|o| o.extent != Extent::Weights);
    let (before, after) = (&epilogues[..at], &epilogues[at + 1..]);
    let gate = epilogues[at];
    let wrong = |e: &Epilogue, place: &'static str| Error::Part {
        at: format!("epilogue {e:?}"),
        what: "its place".into(),
        expected: format!("{place} {gate:?}"),
        got: format!("{epilogues:?}"),
    };
    if let Some(e) = epilogues.iter().find(|e| **e == Epilogue::Accumulate) {
        return Err(wrong(e, "in no product with"));
    }
    if let Some(e) = after.iter().find(|e| e.is_gate()) {
        return Err(wrong(e, "in no product with another gate as"));
    }
    if let Some(e) = before.iter().find(|e| of_outputs(e)) {
        return Err(wrong(e, "behind"));
    }
    match after.iter().find(|e| of_weights(e)) {
        Some(e) => Err(wrong(e, "before")),
        None => Ok(()),
    }
}
