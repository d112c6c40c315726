// Units of the scale plane are read each time.

fn hold(row: Row, part: u32) {}

fn scale_at(row: Row, i: u32) -> ScaleUnit {
    return scale_unit(row, i);
}
