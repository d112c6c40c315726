// The floats of x that a part needs, the same for all lanes: read by each.

fn part_of_x(x_row: u32, part: u32, lane: Lane) -> array<vec4<f32>, 8> {
    return array<vec4<f32>, 8>(
        x_at(x_row, part * 8u),
        x_at(x_row, part * 8u + 1u),
        x_at(x_row, part * 8u + 2u),
        x_at(x_row, part * 8u + 3u),
        x_at(x_row, part * 8u + 4u),
        x_at(x_row, part * 8u + 5u),
        x_at(x_row, part * 8u + 6u),
        x_at(x_row, part * 8u + 7u),
    );
}
