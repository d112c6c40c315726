// Rows of queries, keys and values that are taken in, and where their vectors lie.
//
// Constants printed by the composer:
//   Q_HEADS, KV_HEADS   heads of queries; of keys, and of values
//   D, VALUE_D          numbers of a query or key; of a value
//   CAPACITY, PLACES    positions of a sequence, and of all sequences

@group(0) @binding(1) var<storage, read> places: array<u32>;

// A place past the last is the last.
fn place_of(of_row: u32) -> u32 {
    return min(places[of_row], PLACES - 1u);
}

// The packed vector of a place.
fn vector_of_cache(of_row: u32, head: u32) -> u32 {
    let place = place_of(of_row);
    return (place / CAPACITY * KV_HEADS + head) * CAPACITY + place % CAPACITY;
}
