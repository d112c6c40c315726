// Units of the scale plane are read whenever they are asked for.

fn hold(row: Row, part: u32) {}

fn scale_at(row: Row, i: u32) -> ScaleUnit {
    return scale_unit(row, i);
}
