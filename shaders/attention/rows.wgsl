// Rows of queries, keys and values that are taken in, and where their vectors lie.
//
// Constants printed by the composer:
//   Q_HEADS, KV_HEADS   heads of queries; of keys, and of values
//   D, VALUE_D          numbers of a query or key; of a value
//   CAPACITY, PLACES    positions of a sequence, and of all sequences
//   STACKED             1 where a row of x is queries, keys, values; 0 where x is all queries, then all keys, then values

@group(0) @binding(1) var<storage, read> places: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

const X_ROW: u32 = (Q_HEADS + KV_HEADS) * D + KV_HEADS * VALUE_D;

// Where a vector begins in x: number `head` of `heads`, behind `before` numbers of each row.
fn vector_of_x(of_row: u32, before: u32, head: u32, heads: u32, size: u32) -> u32 {
    if (STACKED == 1u) {
        return of_row * X_ROW + before + head * size;
    }
    return arrayLength(&places) * before + (of_row * heads + head) * size;
}

// A place past the last is the last.
fn place_of(of_row: u32) -> u32 {
    return min(places[of_row], PLACES - 1u);
}

// The packed vector of a place.
fn vector_of_cache(of_row: u32, head: u32) -> u32 {
    let place = place_of(of_row);
    return (place / CAPACITY * KV_HEADS + head) * CAPACITY + place % CAPACITY;
}
