// Integers with scales and zero points that vary from column to column and repeat down the rows.
// Codes: 32 fields of 1, 2, 3, 4 or 8 bits a part. Table: pairs of a scale and a zero point (f32), those of
// weight i of the matrix at pair i modulo their number; behind the last, the first 31 again, so that the pairs of a part
// lie next to each other.

fn levels(row: Row, part: u32) -> Levels {
    let c = stored_codes(row, part);
    let pairs = arrayLength(&table) - (PART - 1u);
    let first = (matrix_row(row.index) * params.k + part * PART) % pairs;
    var l: Levels;
    for (var j = 0u; j < 4u; j++) { // unroll
        let low = vec4<f32>(unpack4xU8(c.low[j]));
        let high = vec4<f32>(unpack4xU8(c.high[j]));
        for (var b = 0u; b < 4u; b++) { // unroll
            let p = bitcast<vec2<f32>>(table[first + 4u * j + b]);
            let q = bitcast<vec2<f32>>(table[first + 16u + 4u * j + b]);
            l.v[j][b] = (low[b] - p.y) * p.x;
            l.v[4u + j][b] = (high[b] - q.y) * q.x;
        }
    }
    return l;
}

fn affine(row: Row, group: u32) -> Affine {
    return Affine(1.0, 0.0);
}
